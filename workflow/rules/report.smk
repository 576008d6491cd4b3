# Tables, figures and claims: pure functions of the records, or of what the runs themselves are. Each depends on its own file and on what all share, no other's.

SHARED = source_hash(
    (
        *shared_reporting(),
        "mmv2.evaluation.contrasts",
        "mmv2.evaluation.statistics",
        "mmv2.layers.flops",
        "mmv2.records",
    )
)


rule table:
    input:
        shown=what_is_shown("table"),
        published=published_numbers,
        metrics=metrics_shown("table"),
        source="mmv2/reporting/tables/{table}.py",
    output:
        report(
            f"{RESULTS}/tables/{{table}}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        multiext(f"{RESULTS}/tables/{{table}}", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/tables/{{table}}.log",
    params:
        shared=SHARED,
        models=model_sources("table"),
    script:
        "../scripts/table.py"


rule figure:
    input:
        shown=what_is_shown("figure"),
        metrics=metrics_shown("figure"),
        source="mmv2/reporting/figures/{figure}.py",
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        multiext(f"{RESULTS}/figures/{{figure}}", ".png", ".pdf", ".txt"),
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    params:
        shared=SHARED,
        models=model_sources("figure"),
    script:
        "../scripts/figure.py"


rule claims:
    input:
        records=all_records(),
        published=sorted(Path("results/published").glob("*.csv")),
        sources=[f"mmv2/reporting/claims/{name}.py" for name in SUITE.claims],
    output:
        report(
            f"{RESULTS}/claims.csv",
            caption="../report/claims.rst",
            category="Verdicts",
        ),
        multiext(f"{RESULTS}/claims", ".md", ".tex", ".json"),
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
        figures=expand(f"{RESULTS}/figures/{{name}}.svg", name=SUITE.figures),
        captions=expand(f"{RESULTS}/figures/{{name}}.txt", name=SUITE.figures),
        metrics=all_metrics(),
        decisions="docs/decisions.md",
        template="mmv2/reporting/templates/report.html.j2",
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Verdicts",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    params:
        suite=SUITE.name,
        shared=SHARED,
    script:
        "../scripts/report.py"
