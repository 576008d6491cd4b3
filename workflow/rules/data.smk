# Corpora: training shards, tokenizer and evaluation files, written once and hashed in a manifest.


def corpus_inputs(wildcards):
    """The user's files that a corpus is made from; none where one is missing, which the job tells."""
    corpus = CORPORA[wildcards.corpus]
    root = Path(config["data_root"])
    try:
        names = entry("source", corpus.source).inputs(corpus, root)
    except UserError:
        return []
    return [str(root / name) for name in names]


rule corpus:
    input:
        corpus_inputs,
    output:
        manifest=f"{RESULTS}/data/{{corpus}}/manifest.json",
        tokenizer=f"{RESULTS}/data/{{corpus}}/tokenizer.json",
    log:
        f"{RESULTS}/logs/corpus/{{corpus}}.log",
    params:
        corpus=lambda wildcards: CORPORA[wildcards.corpus].model_dump(mode="json"),
        sources=source_hash(
            ("mmv2.data.shards", "mmv2.data.sources", "mmv2.data.tokenizer")
        ),
    script:
        "../scripts/corpus.py"
