"""How cases.json is read; see its "about"."""
import datetime
import json

DAY_BEGINS = 4  # o'clock, UTC


def first_words(name):
    date = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=DAY_BEGINS + 24)
    return {"set": name, "date": date.strftime("%Y-%m-%d"), "day": date.strftime("%Y%m%d")}


def kept(case, answer, headers):
    """The words that later cases may use."""
    return {word: headers[where[7:]] if where.startswith("header ") else answer[where] for word, where in case.get("keep", {}).items()}


def contains(answer, wanted):
    """Is everything of `wanted` in the answer? null: not there. Lists have the same length."""
    if isinstance(wanted, dict):
        return isinstance(answer, dict) and all(k not in answer if v is None else k in answer and contains(answer[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(answer, list) and len(answer) == len(wanted) and all(map(contains, answer, wanted))
    return answer == wanted


def substituted(case, words):
    text = json.dumps(case)
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    return json.loads(text)
