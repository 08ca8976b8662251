def draw(study, table):
    return ""
