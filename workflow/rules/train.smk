# Training. Checkpoints are no declared output: Snakemake would delete them when a job fails, and they are what a
# restarted job resumes from. Ranks per run: one for each GPU that the profile grants, else one on the CPU.


rule train:
    input:
        manifest=lambda wildcards: f"{RESULTS}/data/{RUNS[wildcards.run].corpus_name}/manifest.json",
        initial=initial_weights,
    output:
        final_files("{run}"),
    log:
        f"{RESULTS}/logs/train/{{run}}.log",
    threads: lambda wildcards: RUNS[wildcards.run].training.threads
    params:
        run=lambda wildcards: RUNS[wildcards.run].model_dump(mode="json"),
        sources=lambda wildcards: training_sources(RUNS[wildcards.run]),
    script:
        "../scripts/train.py"
