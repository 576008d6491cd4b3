import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.tasks._data_sets import BANKING77, FORMATS, GOEMOTIONS, DataSet


def test_the_instructions_are_longiclbenchs_byte_for_byte():
    examples = "The predict answer must come from the demonstration examples with the exact format. The examples are as"
    assert FORMATS["banking77"].form.instruction == (
        f"Given a customer service query, please predict the intent of the query. {examples} follows: \n"
    )
    assert FORMATS["goemotions"].form.instruction == (
        f"Given a comment, please predict the emotion category of this comment. {examples} follows: \n"
    )
    for name in ("tacred", "fewrel"):
        assert FORMATS[name].form.instruction == (
            "Given a sentence and a pair of subject and object entities within the sentence, please predict the "
            "relation between the given entities. The examples are as follows: \n"
        )


def test_texts_are_those_of_the_format_unless_given():
    assert BANKING77.form == FORMATS["banking77"].form
    own = DataSet(**{**GOEMOTIONS.model_dump(), "instruction": "", "label_key": "is"})
    assert (own.form.instruction, own.form.query_key, own.form.label_key) == ("", "comment:", "is")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "goemotions"}, "data.labels_file: needed for goemotions, .* name the labels by number"),
        ({"format": "fewrel"}, "data.labels_file: needed for fewrel, .* name pid2name.json"),
        ({"format": "tacred", "labels_file": "x"}, "data.labels_file: of no use for tacred"),
    ],
)
def test_a_file_of_labels_belongs_to_some_formats(change, message):
    with pytest.raises(UserError, match=message):
        validate(DataSet, {"train_file": "a", "test_file": "b", **change}, "suite.yaml", "data")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BANKING77, r"banking77_train\.csv: no such file; Banking77 is banking_data/train\.csv .*PolyAI.*CC BY 4\.0"),
        (GOEMOTIONS, r"goemotions_train\.tsv: no such file; GoEmotions is .*Apache 2\.0"),
        (
            DataSet(format="tacred", train_file="tacred/train.json", test_file="tacred/test.json"),
            r"tacred/train\.json: no such file; TACRED \(LDC2018T24\) is data/json/train\.json and test\.json from the "
            r"Linguistic Data Consortium.*put it there",
        ),
        (DataSet(format="fewrel", train_file="a.json", labels_file="b.json"), r"a\.json: no such file; FewRel .*MIT"),
    ],
    ids=["banking77", "goemotions", "tacred", "fewrel"],
)
def test_an_absent_file_is_told_with_its_source_and_licence(tmp_path, data, message):
    with pytest.raises(UserError, match=message):
        data.read(tmp_path)
