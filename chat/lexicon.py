"""Words that carry no subject of their own, by what they do in a question.

Small closed classes, written down rather than learned: they decide which words of a question must be found in
the evidence, and whether a question can stand without the one before it.
"""

# ruff: noqa: RUF001 - Russian words are written in Cyrillic letters


def word_set(text: str) -> frozenset[str]:
    """The words of a text, which are separated by spaces."""
    return frozenset(text.split())


WH = word_set("what which who whom whose when where why how")
AUXILIARIES = word_set(
    "do does did done doing is are was were be been being am can could shall should will would may might must"
    " have has had having isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't"
    " hasn't haven't hadn't ain't cannot"
)
PREPOSITIONS = word_set(
    "about above across after against along among around as at before behind below beside between beyond by"
    " despite down during except for from in inside into like near of off on onto out outside over past per since"
    " than through throughout till to toward towards under until up upon versus via vs with within without"
)
CONJUNCTIONS = word_set(
    "and but or nor so yet if because although though unless whereas while whether once that"
)
PRONOUNS = word_set(
    "i me my mine myself you your yours yourself we us our ours ourselves he him his himself she her hers herself"
    " it its itself they them their theirs themselves this that these those one ones someone somebody anyone"
    " anybody everyone everybody something anything everything nothing there here i'm i've i'd i'll you're you've"
    " you'd you'll we're we've he's she's it's that's they're they've there's what's who's where's how's why's"
    " let's"
)
DETERMINERS = word_set(
    "a an the some any no every each either neither both all such same other another many much more most few fewer"
    " less least several own enough"
)
ADVERBS = word_set(
    "not also too very really just only even still already always never ever often sometimes usually again else"
    " then now instead otherwise rather quite almost maybe perhaps actually basically exactly simply please well"
    " ok okay yes no oh hi hello thanks thank sure right away back yet soon later today long far"
)
# Verbs and nouns that say nothing of the subject: "what did you say about", "tell me the thing with".
LIGHT = word_set(
    "say says said saying tell tells told talk talks talked talking speak speaks spoke mention mentions mentioned"
    " think thinks thought believe believes know knows knew mean means meant explain explains explained describe"
    " describes go goes going went gone get gets getting got come comes came coming give gives gave given make makes"
    " made making take takes took taken use uses used using want wants wanted need needs needed like likes liked"
    " try tries tried see sees saw seen look looks looking put let find found way ways thing things stuff kind sort"
    " lot bit part case opinion opinions view views thoughts video videos episode episodes podcast according"
    " happen happens happened people person somebody's someone's anybody's"
)
FUNCTION_WORDS = (
    WH | AUXILIARIES | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | DETERMINERS | ADVERBS | frozenset({"s", "t"})
)

# What asks about a subject without naming it: "what are the downsides?", "is it safe?", "what would you change?".
RELATIONAL = word_set(
    "advantage advantages alternative alternatives answer benefit benefits catch con cons consequence consequences"
    " cost costs detail details difference differences disadvantage disadvantages downside downsides drawback"
    " drawbacks effect effects evidence example examples exception exceptions first fix flaw flaws last limit limits"
    " limitation limitations meaning motivation next origin outcome point price problem problems pro proof pros"
    " purpose reason reasons result results risk risks second solution solutions source sources step steps third"
    " tradeoff tradeoffs trade-off trade-offs upside upsides use version"
)
QUALITIES = word_set(
    "bad best better big bigger cheap cheaper common correct dangerous different difficult easier easy expensive"
    " fast faster feasible good hard harder heavy heavier helpful important legal lighter likely necessary new newer"
    " normal old older possible practical realistic reliable safe safer secure serious slow slower small smaller"
    " sure true useful viable wise worse worst worth worthwhile wrong"
)
LIGHT_VERBS = word_set(
    "agree agrees agreed apply applies avoid begin buy buys change changes changed choose chose compare compares"
    " decide decided depend depends differ differs disagree disagrees elaborate end ends ended expand expect"
    " feel feels felt fix follow help helps helped improve keep keeps last lasts learn learned matter matters offer"
    " pay pays prefer prefers recommend recommends recommended refuse refused regret remember solve solved start"
    " starts started stop stops stopped suggest suggests suggested switch switched work works worked worry"
    " worries"
)
SUBJECTLESS = FUNCTION_WORDS | LIGHT | RELATIONAL | QUALITIES | LIGHT_VERBS

# Other languages, all their classes in one: whoever uses nothing else has not named a subject.
FOREIGN = {
    "de": word_set(
        "und aber oder warum wieso weshalb wie was wer wo wann wohin woher welche welcher welches lange viel viele"
        " oft noch mehr genau ist sind war hat haben kann man das dies diese dieser dieses es er sie ihn ihm ihr sein"
        " davon damit dabei dafür dagegen darüber dazu denn auch nicht so dann der die den dem des ein eine mit von"
        " zu für bei im in auf an ich du wir bitte erzähl mir weiter geht das"
    ),
    "fr": word_set(
        "et mais ou pourquoi comment quoi qui que quel quelle quels quelles quand où combien de temps encore plus"
        " est sont était ce cela ça c'est celui celle ceux il elle ils elles lui leur son sa ses y en donc alors"
        " aussi pas le la les un une des du au aux avec pour dans sur à je tu vous nous peux dis moi autre chose"
        " d'autre est-ce qu'est-ce"
    ),
    "es": word_set(
        "y pero o por qué porque cómo como qué quién cuál cuáles cuándo dónde cuánto cuánta cuántos cuántas tiempo más"
        " aún es son era eso esto ese esta este aquello él ella ellos lo la los las le les su sus entonces también no"
        " el un una de del al con para en a me dime algo otra cosa hay"
    ),
    "pt": word_set(
        "e mas ou por que porque porquê como o quê quem qual quais quando onde quanto quanta quantos tempo mais ainda"
        " é são era isso isto esse essa este ele ela eles elas lhe seu sua então também não a os as um uma de do da"
        " com para em me diga outra coisa"
    ),
    "it": word_set(
        "e ma o perché come cosa che chi quale quali quando dove quanto quanta quanti tempo più ancora è sono era"
        " questo questa quello quella ciò lui lei loro lo la li le gli suo sua allora anche non il un una di del con"
        " per in a mi dimmi altro"
    ),
    "nl": word_set(
        "en maar of waarom hoe wat wie welke wanneer waar hoeveel lang nog meer is zijn was dat dit die deze het hij"
        " zij ze hem haar hun ervan daarvan daarmee dan ook niet de een met van voor in op aan ik je wij vertel mij"
        " verder"
    ),
    "ru": word_set(
        "и а но или почему зачем как что кто какой какая какие когда где сколько долго ещё еще больше это этот эта"
        " то тот он она они его её ее их им ему тогда также не в на с для о об я ты мы расскажи подробнее"
    ),
}
FOREIGN_OPENERS = word_set("und aber oder et mais ou y pero o e mas ma en maar of и а но или")
FOREIGN_ANAPHORS = word_set(
    "es das dies davon damit dabei dafür dagegen darüber dazu ihn ihm ça cela c'est celui celle y lui eso esto lo él"
    " ella isso isto ele ela ciò questo quello lui lei ervan daarvan daarmee dat dit hij это его её ее он она"
    " этот тот"
)
# Scripts without spaces: a short text with one of these asks about what was said before.
UNSPACED_ANAPHORS = (
    "为什么",
    "為什麼",
    "怎么",
    "怎麼",
    "那个",
    "那個",
    "这个",
    "這個",
    "那么",
    "它",
    "他",
    "她",
    "还有",
    "呢",
    "なぜ",
    "どうして",
    "それ",
    "これ",
    "その",
    "もっと",
    "では",
    "왜",
    "그것",
    "그럼",
    "더",
    "ทำไม",
)
