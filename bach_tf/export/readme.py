"""The README.txt of an exported model."""

README = """\
A model that generates music, exported by bach_tf.

assets/tokens.json   what each id means, and how to read a piece (see its "reading")
assets/codec.json    the codec and
assets/preset.json   the settings of the run, as bach_tf reads them
SHA256SUMS           checksums of all files: sha256sum -c SHA256SUMS

Ids are int32; 0 is padding, {start} begins a piece and {end} ends it. Which of the following
are here depends on the formats that were exported.

saved_model.pb, variables/
    A SavedModel for TensorFlow, with three signatures; batch size and length are free.

    serving_default   ids (B, T) -> logits float32 (B, T, V), for the id after each
    score             ids (B, T) -> log_likelihood float32 (B, T - 1), in nats, of each id but
                      the first, given those before it; 0 for padding, start and end
    generate          prompt (P,), length, temperature, top_k, top_p, seed, num_outputs
                      -> ids (num_outputs, 1 + length); padding follows the end of a piece

    A prompt begins with {start}. `length` counts the ids after it, those of the prompt included.
    `temperature` and `top_p` are float32, the others int32. A temperature above 1 is more
    daring, 0 takes the most probable id; `top_k` 0 and `top_p` 1 do not restrict
    sampling. The same seed gives the same piece. The "defaults" in assets/tokens.json are
    those of the model.

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
    as reported by the export, the interpreter needs "Select TF ops", like that of
    TensorFlow 2.16.

        from ai_edge_litert.interpreter import Interpreter
        serve = Interpreter("model.tflite").get_signature_runner("serving_default")
        logits = serve(ids=ids)["logits"]

model.onnx
    ONNX: ids (B, T) -> logits (B, T, V). Batch size and length are free.

        session = onnxruntime.InferenceSession("model.onnx")
        (logits,) = session.run(None, {{"ids": ids}})

model.keras
    Keras: keras.models.load_model("model.keras") after from bach_tf.models import *

run/
    A run folder for bach_tf with 16-bit weights: bach-tf generate --run FOLDER/run
"""
