# Corpora: training shards, tokenizer and evaluation files, written once and hashed in a manifest.


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
        sources=lambda wildcards: corpus_sources(CORPORA[wildcards.corpus]),
    script:
        "../scripts/corpus.py"
