"""Table 9: benchmarks whose answers stand in the prompt, after the long-term memory was removed."""

from mmv2.reporting.tables._without_long_term import without_long_term

TABLE = without_long_term(
    title="Information in the prompt without long-term memory (Table 9)",
    published="table09_six_long_term_benchmarks.csv",
    group="context",
    of_group="whose answers stand in the prompt",
)
