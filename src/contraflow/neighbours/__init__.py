"""Exact nearest neighbours by cosine, in bounded memory, and classification by them.

The compiled code and all that it calls lie in this folder (`contraflow.compiling`).
"""
