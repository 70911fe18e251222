"""Proto-RL (Yarats et al., ICML 2021, arXiv 2102.11271): reward-free pretraining with prototypes, then finetuning."""
