"""Imports Keras with its own defaults, without the notices that TensorFlow's C++ code prints at any log level."""

import os
import sys

if "keras" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras
    except ImportError as error:
        name = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise ValueError(f"KERAS_BACKEND must be a framework that is installed. Received: {name} ({error})") from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    # A keras.json in the user's home may say otherwise, and would change what layers compute.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
