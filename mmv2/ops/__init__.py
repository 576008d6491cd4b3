"""The paper's equations, one folder each: ``reference.py`` follows the equation, ``fast.py`` is what models call.

Both have one signature and are tested against each other in values and gradients. All work on rectangles: every row is
one document, padded at the end; nothing here knows of packing (see ``mmv2.layers.documents``).
"""
