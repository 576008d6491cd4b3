"""The 19 benchmarks of the paper's Table 1 on real data, asked and scored as EleutherAI's lm-eval 0.4.13 does.

``table`` says what they are; ``local_data`` reads their files, ``rows`` and ``converters`` know the layouts;
``harness`` makes lm-eval's tasks of them; ``mmv2.evaluation.tasks.persistent`` freezes and scores them for a suite, and
``python -m mmv2.evaluation.persistent`` is lm-eval's own command line on the same files. docs/benchmarks.md tells the
decisions.
"""
