# Tables and figures: pure functions of the records. Each depends on its own file and on what all share, no other's.

SHARED = source_hash(
    (
        *(
            f"mmv2.reporting.{module}"
            for module in ("published", "render", "selection", "style", "writer")
        ),
        "mmv2.evaluation.statistics",
        "mmv2.records",
    )
)


rule table:
    input:
        records=all_records(),
        published=lambda wildcards: f"results/published/{entry('table', wildcards.table).published}",
        source="mmv2/reporting/tables/{table}.py",
    output:
        multiext(f"{RESULTS}/tables/{{table}}", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    params:
        shared=SHARED,
    script:
        "../scripts/table.py"


rule figure:
    input:
        records=all_records(),
        source="mmv2/reporting/figures/{figure}.py",
    output:
        multiext(f"{RESULTS}/figures/{{figure}}", ".png", ".pdf", ".txt"),
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    params:
        shared=SHARED,
    script:
        "../scripts/figure.py"
