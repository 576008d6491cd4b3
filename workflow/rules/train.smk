# Training. Checkpoints are no declared output: Snakemake would delete them when a job fails, and they are what a
# restarted job resumes from. Ranks per run: one for each GPU that a profile grants (set-resources: train:gpu=N), else one on
# the CPU.


rule train:
    input:
        manifest=lambda wildcards: f"{RESULTS}/data/{RUNS[wildcards.run].corpus_name}/manifest.json",
        initial=initial_weights,
    output:
        final_files("{run}"),
        f"{RESULTS}/runs/{{run}}/metrics.jsonl",
    log:
        f"{RESULTS}/logs/train/{{run}}.log",
    # The longest first: it decides when the suite is done.
    priority: lambda wildcards: RUNS[wildcards.run].max_steps * RUNS[wildcards.run].tokens_per_step
    threads: lambda wildcards: RUNS[wildcards.run].training.threads
    resources:
        gpu=0,
    params:
        suite=str(SUITE_FILE),
        runs=str(RUN_FILES),
        # Without the keys that change no weight: those are read again by the job, and changing them retrains nothing.
        scientific=lambda wildcards: RUNS[wildcards.run].scientific(),
        sources=lambda wildcards: training_sources(RUNS[wildcards.run]),
    script:
        "../scripts/train.py"
