"""The faults that a training can have: one row a rule, with thresholds, their source, and advice.

A *finding* is a rule that applies to a training: name, measurements, a sentence, and a remedy.
No paper gives numbers that fit here, so thresholds were set on 1,700 random configurations (depth 1
to 12, learning rate 1e-5 to 1, 13 activations) trained for 30 epochs on digits, diabetes,
breast_cancer and wine: between the values of networks that ended well (336 of them, "good" below)
and of those that ended at chance. All losses are compared with
*chance*, that of the best constant prediction: the entropy of the classes, or the variance.

Rules that `end` a training are early warnings: at a rung, such a lane is given up.
"""

from __future__ import annotations

from search.diagnostics import conditions
from search.diagnostics.advice import Advice
from search.diagnostics.rule import FindingName, Rule

_MEASURED_HERE = "thresholds set on 1,700 recorded trainings"

_ROWS: tuple[Rule, ...] = (
    Rule(
        name=FindingName.DIVERGED,
        title="Divergence",
        meaning="The training loss is no finite number, or far above that of a constant.",
        condition=conditions.diverged,
        # Of 30 that were beyond 100 at epoch 9, none came below 0.8 later.
        thresholds={"loss_over_chance": 100.0, "loss_over_chance_at_the_end": 2.0},
        sentence="The training loss is {loss_over_chance:.3g} times that of a constant.",
        variants={"no_number": "The training loss became no finite number."},
        advices=(
            Advice.ADAM,
            Advice.SMALLER,
            Advice.LOWER_RATE,
            Advice.CLIP,
            Advice.FIXED_SLOPE,
            Advice.NORMALIZE,
            Advice.FEWER_EPOCHS,
        ),
        source=f"Pascanu, Mikolov & Bengio (2013), On the Difficulty of Training Recurrent Neural "
        f"Networks; {_MEASURED_HERE}",
        ends=True,
        hides=(
            FindingName.STUCK_AT_CHANCE,
            FindingName.OVERFITTING,
            FindingName.UNDERFITTING,
            FindingName.STALLED,
        ),
    ),
    Rule(
        name=FindingName.DEAD_LAYER,
        title="A dead layer",
        meaning="Every unit of a layer gives the same output on all rows and passes no gradient.",
        condition=conditions.dead_layer,
        # Not one of the 17 that had such a layer at epoch 9 got better than chance afterwards.
        thresholds={"dead_units": 1.0},
        sentence="Every unit of layer {layer} is dead: the network's output is constant, and no "
        "gradient reaches the layers below.",
        advices=(
            Advice.SMALLER,
            Advice.ELU,
            Advice.LEAKY,
            Advice.SHALLOWER,
            Advice.NORMALIZE,
            Advice.LOWER_RATE,
        ),
        source="Lu, Shin, Su & Karniadakis (2019), Dying ReLU and Initialization",
        ends=True,
        hides=(
            FindingName.STUCK_AT_CHANCE,
            FindingName.VANISHING_GRADIENTS,
            FindingName.BORN_DEAD,
            FindingName.DYING_RELU,
            FindingName.SATURATION,
            FindingName.DEAD_LEARNING_RATE,
            FindingName.FADING_SIGNAL,
            FindingName.STALLED,
        ),
    ),
    Rule(
        name=FindingName.STUCK_AT_CHANCE,
        title="Stuck at chance",
        meaning="The training loss is that of a constant and does not move.",
        condition=conditions.stuck_at_chance,
        # Of 143 that were flat at epoch 9 five came below 0.9 later. Only two of those had steps as
        # small or gradients as faded as this; they ended at 0.71 and 0.83.
        thresholds={
            "chance_at_least": 0.98,
            "chance_at_most": 1.05,
            "still_falling": 0.995,
            "update_ratio": 1e-3,
            "gradient_ratio": 1e-3,
        },
        sentence="The training loss stays at {loss_over_chance:.3f} times that of a constant: "
        "nothing is learned.",
        advices=(
            Advice.RAISE_RATE,
            Advice.ADAM,
            Advice.SCALED_INITIALIZER,
            Advice.LOWER_RATE,
            Advice.SELU,
            Advice.LSUV,
            Advice.LESS_DROPOUT,
        ),
        source=_MEASURED_HERE,
        ends=True,
        hides=(FindingName.UNDERFITTING, FindingName.STALLED),
    ),
    Rule(
        name=FindingName.EXPLODING_GRADIENTS,
        title="Exploding gradients",
        meaning="The gradient in a layer's weight is far larger than in networks that learn.",
        condition=conditions.exploding_gradients,
        # 17 at most in good ones.
        thresholds={"gradient_norm": 100.0},
        sentence="The gradient of layer {layer} had norm {gradient_norm:.3g} at epoch {epoch}.",
        variants={
            "no_number": "The gradient of layer {layer} was no finite number at epoch {epoch}."
        },
        advices=(
            Advice.NORMALIZE,
            Advice.SMALLER,
            Advice.SHALLOWER,
            Advice.LOWER_RATE,
            Advice.FIXED_SLOPE,
        ),
        source=f"Pascanu, Mikolov & Bengio (2013), On the Difficulty of Training Recurrent Neural "
        f"Networks; {_MEASURED_HERE}",
    ),
    Rule(
        name=FindingName.FADING_SIGNAL,
        title="Fading signal",
        meaning="Activations shrink from layer to layer until all rows look alike to the last.",
        condition=conditions.fading_signal,
        # The least ratio at first of good ones was 0.005.
        thresholds={"spread_ratio": 1e-3, "loss_over_chance": 0.5},
        sentence="The signal fades on its way forward: at epoch {epoch} activations of the last "
        "hidden layer differ by {last_layer:.1e}, {spread_ratio:.0e} of those of the first.",
        advices=(
            Advice.SHALLOWER,
            Advice.SMALLER,
            Advice.ADAM,
            Advice.SCALED_INITIALIZER,
            Advice.SELU,
            Advice.LSUV,
        ),
        source="Schoenholz, Gilmer, Ganguli & Sohl-Dickstein (2017), Deep Information Propagation; "
        f"He et al. (2015), Delving Deep into Rectifiers; {_MEASURED_HERE}",
        hides=(FindingName.STALLED,),
    ),
    Rule(
        name=FindingName.VANISHING_GRADIENTS,
        title="Vanishing gradients",
        meaning="The gradient fades on its way to the first layer, or is next to nothing in all "
        "layers while there is still much to learn.",
        condition=conditions.vanishing_gradients,
        # The least ratio of good ones was 0.06 at the first step, 0.26 at the end.
        thresholds={
            "gradient_ratio": 0.01,
            "gradient_norm": 1e-3,
            "loss_over_chance": 0.9,
            "loss_over_chance_since_the_first_step": 0.6,
        },
        sentence="Too little gradient reaches the first layer: at epoch {epoch} its norm was "
        "{first_layer:.1e} there, {last_layer:.1e} at the last hidden one.",
        advices=(
            Advice.SMALLER,
            Advice.NORMALIZE,
            Advice.SCALED_INITIALIZER,
            Advice.SHALLOWER,
            Advice.SELU,
        ),
        source=f"Glorot & Bengio (2010), Understanding the Difficulty of Training Deep Feedforward "
        f"Neural Networks; He et al. (2015), Delving Deep into Rectifiers; {_MEASURED_HERE}",
        hides=(FindingName.STALLED,),
    ),
    Rule(
        name=FindingName.BORN_DEAD,
        title="Units born dead",
        meaning="Half of a layer's units or more are dead before the first step.",
        condition=conditions.born_dead,
        thresholds={"dead_units": 0.5},
        sentence="{dead_units:.0%} of the units of layer {layer} are dead before the first step.",
        advices=(
            Advice.WIDER,
            Advice.SELU,
            Advice.ELU,
            Advice.LEAKY,
            Advice.SHALLOWER,
        ),
        source="Lu, Shin, Su & Karniadakis (2019), Dying ReLU and Initialization: the share grows "
        "with depth and shrinks with width",
    ),
    Rule(
        name=FindingName.DYING_RELU,
        title="Dying units (dying ReLU)",
        meaning="Half of a layer's units or more have died in training.",
        condition=conditions.dying_units,
        # 0.33 at most in good ones on digits; with high learning rates 0.88 on diabetes.
        thresholds={"died": 0.5},
        sentence="{dead_units:.0%} of the units of layer {layer} are dead, {at_first:.0%} were "
        "before training.",
        advices=(
            Advice.NORMALIZE,
            Advice.SMALLER,
            Advice.SHALLOWER,
            Advice.LEAKY,
            Advice.ELU,
        ),
        source=f"Maas, Hannun & Ng (2013), Rectifier Nonlinearities Improve Neural Network "
        f"Acoustic Models; Lu et al. (2019), Dying ReLU and Initialization; {_MEASURED_HERE}",
    ),
    Rule(
        name=FindingName.SATURATION,
        title="Saturation",
        meaning="Nearly all activations of a two-sided function sit on its flat parts, while there "
        "is still something to learn.",
        condition=conditions.saturation,
        # Up to 0.95 in good ones, hence the second threshold; above 0.96 in bad ones.
        thresholds={"saturated": 0.9, "loss_over_chance": 0.25},
        sentence="{saturated:.0%} of the activations of layer {layer} sit where the function is "
        "flat (slope below 0.01).",
        advices=(
            Advice.LOWER_RATE,
            Advice.NORMALIZE,
            Advice.SHALLOWER,
            Advice.SMALLER,
        ),
        source=f"Glorot & Bengio (2010), Understanding the Difficulty of Training Deep Feedforward "
        f"Neural Networks; {_MEASURED_HERE}",
        hides=(FindingName.STALLED,),
    ),
    Rule(
        name=FindingName.DEAD_LEARNING_RATE,
        title="Dead learning rate",
        meaning="All optimizer steps were tiny beside the weights, and little was learned.",
        condition=conditions.dead_learning_rate,
        thresholds={"update_ratio": 1e-4, "loss_over_chance": 0.8},
        sentence="No step moved the weights of a layer by more than {update_ratio:.1e} of their "
        "norm; about 1e-3 is usual.",
        advices=(
            Advice.ADAM,
            Advice.RAISE_RATE,
        ),
        source="Karpathy (2015), CS231n, Ratio of weights:updates (about 1e-3, much lower is too "
        f"low); {_MEASURED_HERE}",
        hides=(FindingName.STALLED,),
    ),
    Rule(
        name=FindingName.SLOPE_COLLAPSED,
        title="Learned parameter collapsed",
        meaning="Training moved a learned slope to 0 or 1, or a learned beta to 0.",
        condition=conditions.slope_collapsed,
        thresholds={"distance": 0.01, "distance_at_first": 0.05},
        sentence="The learned parameter of layer {layer} went from {at_first:.3g} to {value:.3g}: "
        "with {collapsed_to:.0f} the activation is no longer itself (a slope of 0 is ReLU, of 1 "
        "the identity; a beta of 0 is linear).",
        advices=(
            Advice.NORMALIZE,
            Advice.SMALLER,
            Advice.FIXED_SLOPE,
            Advice.LOWER_RATE,
            Advice.SHALLOWER,
        ),
        source="He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers, section 2",
    ),
    Rule(
        name=FindingName.UNDERFITTING,
        title="Underfitting",
        meaning="The training loss was still high, and still falling, at the last epoch.",
        condition=conditions.underfitting,
        thresholds={"loss_over_chance": 0.5, "loss_over_chance_at_most": 0.98, "fall": 0.1},
        sentence="The training loss is still {loss_over_chance:.0%} of that of a constant and fell "
        "by {fall:.0%} over the last third of the epochs: training ended too early.",
        advices=(
            Advice.LESS_DROPOUT,
            Advice.SMALLER,
            Advice.NORMALIZE,
            Advice.ADAM,
            Advice.SHALLOWER,
            Advice.RAISE_RATE,
            Advice.MORE_EPOCHS,
        ),
        source="Goodfellow, Bengio & Courville (2016), Deep Learning, section 5.2; "
        f"{_MEASURED_HERE}",
    ),
    Rule(
        name=FindingName.STALLED,
        title="Stalled",
        meaning="The loss stopped falling while it was high, on training and validation rows "
        "alike: the network is too small or too restrained for the data, or the rest is noise.",
        condition=conditions.stalled,
        thresholds={
            "loss_over_chance": 0.6,
            "loss_over_chance_at_most": 0.98,
            "fall": 0.1,
            "gap": 1.25,
        },
        sentence="The loss stays at {loss_over_chance:.0%} of that of a constant, on the rows "
        "trained on as on others: the network can do no more, or the rest is noise.",
        advices=(
            Advice.WIDER,
            Advice.RAISE_RATE,
            Advice.ELU,
        ),
        source="Goodfellow, Bengio & Courville (2016), Deep Learning, section 5.2; "
        f"{_MEASURED_HERE}",
    ),
    Rule(
        name=FindingName.OVERFITTING,
        title="Overfitting",
        meaning="The training rows were learned by heart: their loss is low, that of others "
        "is not.",
        condition=conditions.overfitting,
        # Of what good ones learned 0.70 at least held for the validation rows.
        thresholds={"rise": 1.5, "gap": 2.0, "memorized": 0.7, "share_that_holds": 0.5},
        variants={
            "memorized": "Of what was learned of the training rows only {share:.0%} holds for "
            "others: the training loss is {train_loss:.3g}, the validation loss "
            "{validation_loss:.3g}."
        },
        sentence="The validation loss rose to {rise:.2f} times its least, at a training loss of "
        "{train_loss:.3g} against {validation_loss:.3g}.",
        advices=(
            Advice.FEWER_EPOCHS,
            Advice.LOWER_RATE,
            Advice.DROPOUT,
        ),
        source="Prechelt (1998), Early Stopping - But When?, generalization loss; "
        f"{_MEASURED_HERE}",
    ),
)

#: The worst first.
RULES: dict[FindingName, Rule] = {row.name: row for row in _ROWS}
