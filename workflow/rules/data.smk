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


rule document_lengths:
    input:
        f"{RESULTS}/data/{{corpus}}/manifest.json",
    output:
        # Not in the corpus folder, which belongs to rule corpus and is replaced as a whole.
        f"{RESULTS}/document_lengths/{{corpus}}.json",
    log:
        f"{RESULTS}/logs/document_lengths/{{corpus}}.log",
    params:
        contexts=lambda wildcards: contexts_of(wildcards.corpus),
        sources=source_hash(("mmv2.data.document_lengths", "mmv2.data.shards")),
    script:
        "../scripts/document_lengths.py"
