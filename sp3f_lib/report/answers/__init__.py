"""What each notebook answers at its end: a few sentences, made from the tables of its run by pure functions.

words.py: how a share and a difference are put; sp3f.py: notebooks 00 to 05; audits.py: 06 and 10; preference.py: 07 and 08. A
share stands with its 95 % interval over problems and with what it is a share of. Where something was trained, the number of seeds
is said: an interval over problems says nothing about another seed.
"""
