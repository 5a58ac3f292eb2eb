"""Mean opinion scores: a blind study of pictures rated 1 (bad) to 5 (excellent) by people, as in section 3.4 of the paper."""
