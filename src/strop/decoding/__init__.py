"""How is an answer chosen from several?"""
