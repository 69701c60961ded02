"""Keras' Adam, with TensorFlow's own update."""

from typing import Any

from emotions.network.quiet_keras import (
    keras,  # before tensorflow, whose first lines it keeps quiet
)

import tensorflow as tf  # isort: skip


@keras.saving.register_keras_serializable("emotions")
class Adam(keras.optimizers.Adam):
    """Keras' Adam with an update in one pass over each variable.

    Keras writes the update as a dozen operations, each of which goes through the whole variable;
    TensorFlow has all of them as one. The numbers are the same but for rounding.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable by its gradient (Kingma and Ba 2015, arXiv:1412.6980)."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _handle(variable: Any) -> Any:
    """Return the engine's resource behind its own variable or Keras'."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
