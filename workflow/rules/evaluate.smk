# Evaluation: task data is frozen once per corpus, then every run answers it. One job per run and task.


rule freeze:
    input:
        f"{RESULTS}/data/{{corpus}}/manifest.json",
    output:
        f"{RESULTS}/tasks/{{corpus}}/{{task}}.jsonl",
    log:
        f"{RESULTS}/logs/freeze/{{corpus}}/{{task}}.log",
    params:
        settings=lambda wildcards: SUITE.tasks[wildcards.task].model_dump(mode="json"),
        sources=lambda wildcards: source_hash(entry("task", wildcards.task).packages),
    script:
        "../scripts/freeze.py"


rule evaluate:
    input:
        final=final_files("{run}"),
        examples=lambda wildcards: f"{RESULTS}/tasks/{RUNS[wildcards.run].corpus_name}/{wildcards.task}.jsonl",
    output:
        f"{RESULTS}/records/{{run}}/{{task}}.jsonl",
    log:
        f"{RESULTS}/logs/evaluate/{{run}}/{{task}}.log",
    resources:
        gpu=0,
    params:
        # Answers do not depend on the batch size; it is no parameter, so that changing it reruns nothing.
        sources=lambda wildcards: evaluation_sources(
            RUNS[wildcards.run], wildcards.task
        ),
    script:
        "../scripts/evaluate.py"
