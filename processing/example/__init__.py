"""The example year 2014: bulletins that two agencies might have sent, made up and labelled so.

What is true is drawn in ``seismicity``; what each network's stations read of it in ``observing``;
``bulletins`` locates each agency's own readings and writes them down as its files. Everything
follows from one seed. Nothing here reads or writes the database: the files go in through the same
door as any bulletin, and every event in them says that it is synthetic.
"""
