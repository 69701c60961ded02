"""Batch normalisation that is as quick on TensorFlow as its hardware allows."""

from typing import Any

from emotions.network.quiet_keras import keras


@keras.saving.register_keras_serializable("emotions")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer for maps, computed by TensorFlow's one fused operation where that is there.

    Keras 3 computes mean, variance and the rest as separate operations, which on a processor take
    more time than the convolutions around them. Weights, their names and the parameters are those
    of `keras.layers.BatchNormalization`: each can be loaded into the other. On other engines, and
    for what the fused operation cannot do, it is Keras' own layer.

    Notes
    -----
    Ioffe and Szegedy 2015, "Batch normalization", arXiv:1502.03167. A layer that is frozen
    normalises by its moving averages also while the rest trains, as Keras' own does.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise maps, float (n, height, width, channels)."""
        plain = self.scale and self.center and not (self.renorm or self.synchronized)
        maps = len(inputs.shape) == 4 and self.axis in (-1, 3) and mask is None
        if not (keras.backend.backend() == "tensorflow" and plain and maps):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        fused = tf.compat.v1.nn.fused_batch_norm
        scale, offset = self.gamma.value, self.beta.value
        if not (training and self.trainable):
            mean, variance = self.moving_mean.value, self.moving_variance.value
            return fused(inputs, scale, offset, mean, variance, self.epsilon, is_training=False)[0]
        outputs, mean, variance = fused(inputs, scale, offset, epsilon=self.epsilon)
        values = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        self._follow(self.moving_mean, mean)
        # the operation's variance is divided by n - 1, the one that Keras follows by n
        self._follow(self.moving_variance, variance * (1 - 1 / values))
        return outputs

    def _follow(self, average: keras.Variable, value: Any) -> None:
        average.assign(average * self.momentum + value * (1 - self.momentum))
