"""DiDeMo: sentences about five-second moments of Flickr videos (Hendricks et al. 2017).

Metadata are checked by their git blob hashes, videos are downloaded so that a stopped call goes on, and moments are
encoded into a cache that training reads.
"""
