"""What all sections of the parameters share: kinds of values, and sentences on what is wrong with one."""
