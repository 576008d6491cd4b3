"""Table 2: benchmarks of persistent knowledge after the long-term memory was removed."""

from mmv2.reporting.tables._without_long_term import without_long_term

TABLE = without_long_term(
    title="Persistent knowledge without long-term memory (Table 2)",
    published="table02_persistent_13_without_long_term.csv",
    group="persistent",
    of_group="of persistent knowledge",
)
