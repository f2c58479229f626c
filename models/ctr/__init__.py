"""Click models: interactions between the columns of a document, and stacks of layers around them.

>>> from models.ctr.ranking import Ranking  # a model of one's own parts
>>> from models.ctr.cross import CrossNetwork
>>> from models.ctr.dot import Dot
>>> from models.ctr.fm import PairProducts
"""
