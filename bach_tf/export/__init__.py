"""Trained runs as files for programs that know nothing of bach_tf.

python -m bach_tf.export --run RUN --format saved_model,litert,onnx,keras
"""
