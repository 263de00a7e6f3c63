"""The README.txt of an exported model."""

README = """\
A model that writes music, exported by bach_tf.

assets/tokens.json   what each id means and how a piece is read (its "reading" says how)
assets/codec.json    the codec and
assets/preset.json   the settings of the training, as bach_tf reads them

Ids are int32; 0 is padding, {start} begins a piece and {end} ends it. What is here of the
following depends on the formats that were asked for.

saved_model.pb, variables/
    A SavedModel for TensorFlow, with three signatures; batch and length are free in all.

    serving_default   ids (B, T) -> logits float32 (B, T, V), of the id after each
    score             ids (B, T) -> log_likelihood float32 (B, T - 1), in nats, of each id but
                      the first, given those before it; 0 for padding, starts and ends
    generate          prompt (P,), length, temperature, top_k, top_p, seed, num_outputs
                      -> ids (num_outputs, 1 + length); padding follows the end of a piece

    A prompt begins with {start}. `length` counts the ids behind it, those of the prompt included.
    `temperature` and `top_p` are float32, the others int32. A temperature above 1 is more
    daring, 0 takes the most probable id; `top_k` 0 and `top_p` 1 do not restrict
    sampling. The same seed writes the same piece. The "defaults" of assets/tokens.json are those
    of the model.

        model = tf.saved_model.load(FOLDER)
        ids = model.signatures["generate"](
            prompt=[{start}], length=512, temperature=1.0, top_k=0, top_p=1.0, seed=1,
            num_outputs=1,
        )["ids"]

    In Keras, without bach_tf:
        keras.layers.TFSMLayer(FOLDER, call_endpoint="serving_default")
    For TensorFlow Serving, make this folder version 1 of a model: mount it as /models/NAME/1.

model.tflite
    LiteRT: ids (1, T) -> logits (1, T, V). One piece at a time, of any length. For some models,
    of which the export says so, the interpreter must know "Select TF ops", as that of
    TensorFlow 2.16 does.

model.onnx
    ONNX: ids (B, T) -> logits (B, T, V). Batch and length are free.

model.keras
    Keras: keras.models.load_model("model.keras") after from bach_tf.models import *

run/
    A run folder of bach_tf, its weights in 16 bits: bach-tf generate --run FOLDER/run
"""
