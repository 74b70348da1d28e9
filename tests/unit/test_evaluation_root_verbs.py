"""What an instruction asks for: its root verb and the object, found without a parser."""

from __future__ import annotations

import pytest

from studio.evaluation.root_verbs import root_verb


@pytest.mark.parametrize(
    ("instruction", "verb", "object"),
    [
        ("Write a short poem about the mill.", "write", "poem"),
        ("Please kindly list all of the small rivers in Norway.", "list", "river"),
        ("Compare and contrast the two harvest reports below.", "compare", "report"),
        ("Given a recipe, carefully name its ingredients.", "name", "ingredient"),
        ("Imagine you own a barn, then draw up a plan for it.", "draw up", "plan"),
        ("Suppose that the river rises. Compute the new level.", "compute", "level"),
        ("To save water, suggest three ways that cost nothing.", "suggest", "way"),
        ("Could you tell me why bees dance?", "tell", "why"),
        ("You are given a letter, and you need to rewrite its opening.", "rewrite", "opening"),
        ("Come up with a name for a ferry", "come up with", "name"),
        ("Try writing a joke about geese.", "write", "joke"),
        ('Translate "good morning" into Danish.', "translate", ""),
        ("My oven is cold - is that bad? Give me a clear answer.", "give", "answer"),
        ("What are the main causes of erosion?", "what", "cause"),
        ("What's the price of hay?", "what", "price"),
        ("How many stories does the tower have?", "how many", "story"),
        ("How can farmers reduce waste?", "how", "reduce"),
        ("Why do we sow rye in autumn?", "why", "sow"),
        ("Is the miller asleep?", "whether", ""),
        ("In which year was the bridge built?", "which", "year"),
        ("Re-write the story in the past tense.", "rewrite", "story"),
        ("请写一首关于水车的诗", "写", "诗"),
        ("把下面的段落翻译成法文。", "翻译", "段落"),
        ("给定一段对话，总结它的主要内容。", "总结", "内容"),
        ("比较木桥和石桥的区别", "比较", "区别"),
        ("对以下评论进行分类", "分类", "评论"),
        ("什么是潮汐？", "什么", "潮汐"),
        ("如何提高小麦产量？", "如何", "提高"),
        ("", "", ""),
        ("?!", "", ""),
        ("Опиши мельницу у реки.", "", ""),
    ],
)
def test_the_verb_and_its_object(instruction: str, verb: str, object: str) -> None:
    assert root_verb(instruction) == (verb, object)
