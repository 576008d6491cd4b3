"""Eq. 9: values that look one token ahead.

    vbar_t = gamma (W_psi x_t) + (1 - gamma) (W_psi x_{t+1})      v_t = alpha_psi vbar_t / |vbar_t|

Legal, because position t reads pairs up to t-1 only. A document's last token has no follower: its pair is never
complete, and never read inside the document. T tokens make T-1 values.
"""
