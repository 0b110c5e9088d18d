def report(args): pass
