"""Networks that score but take no part in reconstruction: files of their weights."""

ALEXNET = "alexnet-owt-7be5be79.pth"

PERCEPTUAL_FILES: dict[str, str] = {
    "alexnet_2": ALEXNET,
    "alexnet_5": ALEXNET,
    "inception": "inception_v3_google-0cc3c7bd.pth",
    "clip": "ViT-L-14.pt",
    "efficientnet_b1_v1": "efficientnet_b1_rwightman-bac287d4.pth",
    "efficientnet_b1_v2": "efficientnet_b1-c27df63c.pth",
    "swav": "swav_800ep_pretrain.pth.tar",
    "lpips_alex": ALEXNET,
    "dreamsim": "dreamsim",  # a folder
}
