# Tables, figures and claims: pure functions of the records. Each depends on its own file and on what all share, no other's.

SHARED = source_hash(
    (
        *shared_reporting(),
        "mmv2.evaluation.contrasts",
        "mmv2.evaluation.statistics",
        "mmv2.records",
    )
)


rule table:
    input:
        records=all_records(),
        published=published_numbers,
        metrics=metrics_shown("table"),
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
        metrics=metrics_shown("figure"),
        source="mmv2/reporting/figures/{figure}.py",
    output:
        multiext(f"{RESULTS}/figures/{{figure}}", ".png", ".pdf", ".txt"),
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    params:
        shared=SHARED,
    script:
        "../scripts/figure.py"


rule claims:
    input:
        records=all_records(),
        published=sorted(Path("results/published").glob("*.csv")),
        sources=[f"mmv2/reporting/claims/{name}.py" for name in SUITE.claims],
    output:
        multiext(f"{RESULTS}/claims", ".csv", ".md", ".tex", ".json"),
    log:
        f"{RESULTS}/logs/claims.log",
    params:
        names=SUITE.claims,
        shared=SHARED,
        info=source_hash(("mmv2.info",)),
    script:
        "../scripts/claims.py"


rule report:
    input:
        claims=f"{RESULTS}/claims.json" if SUITE.claims else [],
        tables=expand(f"{RESULTS}/tables/{{name}}.md", name=SUITE.tables),
        figures=expand(f"{RESULTS}/figures/{{name}}.png", name=SUITE.figures),
        captions=expand(f"{RESULTS}/figures/{{name}}.txt", name=SUITE.figures),
        metrics=all_metrics(),
        decisions="docs/decisions.md",
        template="mmv2/reporting/templates/report.html.j2",
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    params:
        suite=SUITE.name,
        shared=SHARED,
    script:
        "../scripts/report.py"
