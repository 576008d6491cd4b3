# Evaluation: task data is frozen once per corpus, then checkpoints answer it. One job per
# checkpoint and task. Milestones are no declared output, as their number is a setting that retrains nothing: rule train
# writes them before final/.


rule freeze:
    input:
        f"{RESULTS}/data/{{corpus}}/manifest.json",
        task_inputs,
    output:
        f"{RESULTS}/tasks/{{corpus}}/{{task}}.jsonl",
    log:
        f"{RESULTS}/logs/freeze/{{corpus}}/{{task}}.log",
    # Before any training, whose priority is its tokens: what is missing is told at once.
    priority: 10**18
    params:
        settings=lambda wildcards: task_settings(wildcards.task),
        sources=lambda wildcards: source_hash(entry("task", wildcards.task).packages),
    script:
        "../scripts/freeze.py"


rule reduce:
    input:
        final_files("{run}"),
    output:
        expand(
            f"{RESULTS}/runs/{{{{run}}}}/reduced/{{{{reduction}}}}/{{name}}",
            name=FINAL_FILES,
        ),
    log:
        f"{RESULTS}/logs/reduce/{{run}}/{{reduction}}.log",
    params:
        sources=source_hash(("mmv2.convert", "mmv2.final")),
    script:
        "../scripts/reduce.py"


rule evaluate:
    input:
        checkpoint=checkpoint_files,
        examples=lambda wildcards: f"{RESULTS}/tasks/{RUNS[wildcards.run].corpus_name}/{wildcards.task}.jsonl",
    output:
        f"{RESULTS}/records/{{run}}/{{checkpoint}}/{{task}}.jsonl",
    log:
        f"{RESULTS}/logs/evaluate/{{run}}/{{checkpoint}}/{{task}}.log",
    resources:
        gpu=0,
    params:
        # Answers depend on the batch size by rounding alone; it is no parameter, so that changing it reruns nothing.
        folder=lambda wildcards: checkpoint_folder(wildcards.run, wildcards.checkpoint),
        context_lengths=lengths_asked,
        sources=lambda wildcards: evaluation_sources(
            RUNS[wildcards.run], wildcards.task
        ),
    script:
        "../scripts/evaluate.py"
