"""The table of inbound texts: what each must be read as."""

import pytest

from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Context, classify

KEYWORDS = """
STOP|stop|Stop|STOP.|Stop!!!|  stop  |"STOP"|*stop*|'stop'|STOPALL|Stop all|UNSUBSCRIBE|Unsubscribe.|unsub|END
end|CANCEL|cancel|QUIT|Quit!|REVOKE|revoke|OPTOUT|OPT OUT|opt out|Opt-Out|opt-out.|REMOVE|remove|TD|ARRET|ARRÊT
arrêt|ARRETE|ARRETT|Arrêtez|désabonner|Désinscrire|ALTO|parar|Detener|BAJA|cancelar|no más|No mas|SAIR|Parar
pare|abmelden|Stopp|afmelden|stoppen|basta|disiscrivimi|cancella|rezygnuj|wypisz|стоп|СТОП|iptal|İPTAL|ret|退订
停止|配信停止|수신거부|إيقاف|ايقاف|توقف|बंद|रोकें|hủy|HUY|berhenti|stop2end
"""

WITH_FILLERS = """
stop please|please stop|Pls stop|STOP NOW|stop it|Stop it now please|stop all|ok stop|STOP thanks
stop, thank you|just stop already|unsubscribe please|cancel all|Please cancel|end it|quit it|stop thx
STOP STOP STOP|Stop John|STOP Mike|stop, sarah|John, stop|please stop maria|omg stop|stop bro|por favor stop
stop svp|bitte stop|STOP Acme|stop dude|please remove|cancel now|HELP STOP|stop help|START STOP|yes stop
stop and quit|Stop 🛑|STOP stop
"""

DISGUISED = """
s t o p|S.T.O.P|S-T-O-P|s.t.o.p.|S T O P please|s*t*o*p|STOOOOOP|stoppppp|ｓｔｏｐ|ＳＴＯＰ|𝐒𝐓𝐎𝐏|𝓈𝓉𝑜𝓅
🅢🅣🅞🅟|🆂🆃🅾🅿|🇸🇹🇴🇵|ⓢⓣⓞⓟ|ꜱᴛᴏᴘ|st\u200bop|\u202estop\u202c|st\u00adop|ЅТОР|SТОР|stор|ѕtop|Ⓢtop
STOP😡|😡STOP😡|👉stop👈|st0p|5top|$top|unsubscr1be|STOP️|ѕ т о р|sto p|st op|un subscribe|un-subscribe|ѕtορ
"""

TYPOS = """
stpo|sotp|tsop|sopt|stp|stopp|sttop|sstop|stoip|stpop|srop|dtop|ztop|unsubcribe|unsuscribe|unsubscibe|unsubsribe
unsubscrib|unsubscribr|unscribe|unsubscirbe|cancle|cancell|cansel|canel|quti|qiut|quitt|endd|edn|revok|rvoke
revole|optot|opout|otpout|stpo please|Pls unsubcribe|optuot|remov
"""

PHRASES = """
stop texting me|Stop sending me messages|please stop sending these|quit texting me|Stop contacting me
stop messaging|stop bothering me|STOP SPAMMING ME|stop with the texts|stop the messages|stop these texts please
I want you to stop texting me|make it stop|I said stop|I told you to stop|please make this stop|don't text me
Don't text me anymore|do not contact me|Do not message this number|dont message me again|please don't text
Never text me again|don't bother me|don't send me anything|do not send|I don't want these texts
I no longer want these messages|i dont want to receive texts|I do not wish to receive messages|I don't want this
no longer want|I don't want any more messages|do not want texts|I don't want to hear from you
No longer interested|don't want these|no more texts|No more messages please|no more|no more!
No more of these texts|no more sms|take me off your list|Take me off|remove me from your list|remove me
Remove my number|take my number off your list|please remove this number|delete my number
Delete my number from your system|lose my number|get me off this list|unsubscribe me
please unsubscribe this number|opt me out|please opt me out|I want to opt out|I'd like to unsubscribe
I want to unsubscribe from this|I opt out|leave me alone|Leave me alone!|please leave us alone
I revoke my consent|revoke consent|I withdraw my consent|withdraw consent|I hereby revoke permission to text me
how do I stop this|How do I unsubscribe?|how do i opt out|can you stop|Can you please stop
Could you stop texting|can I unsubscribe?|how to unsubscribe|How can I stop these messages?|enough|Enough!
enough already|ok enough|That's enough|Enough is enough|enough with the texts|no quiero recibir más mensajes
No quiero más mensajes|no quiero recibir|no me envíen más|no me envien mas mensajes|no me manden más
por favor no me escriban|déjame de mandar mensajes|quiero darme de baja|ne m'envoyez plus
Ne m’envoyez plus de SMS|je ne veux plus de sms|plus de messages|arrêtez de m'écrire|keine SMS mehr
Bitte keine Nachrichten mehr|keine Werbung|não quero mais receber|Nao quero receber mensagens
não me mande mais mensagens|non voglio più ricevere messaggi|basta sms|geen sms meer|не пишите мне больше
отписаться от рассылки|请停止发送|不要再发了|配信停止してください|문자 보내지 마세요|मैसेज बंद करो
Thanks for the info. Stop.|STOP. I don't want this|Hi! Please stop.|cancel these texts|end these messages
Why won't you stop texting me?|why don't you stop|can't you stop?|if you don't stop I will report you
I texted STOP already|I replied stop 3 times|how many times do I have to text stop|go away|fuck off
please stop sending me emails and texts|I never signed up for this|I didn't subscribe|I did not consent to this
put me on your do not call list|stop au 36111|Take me off of your list|I already said stop
cancel my order and stop texting me|what do I text to stop these|bus stop ads are fine but unsubscribe me
Stop with all the messages|turn off notifications|stop sms
"""

WRONG_PARTY = """
wrong number|Wrong number.|you have the wrong number|Sorry, wrong number|wrong person|this is the wrong number
I'm not John|This is not Maria|this isn't Mike|not John|Not Sarah|this is not john
John doesn't have this number anymore|you've got the wrong person|número equivocado|mauvais numéro
falsche Nummer|This is not Brayden|i am not maria|not my name, wrong guy|You have the wrong one, sorry
"""

GUARDED = """
don't stop|Don't stop texting me|please don't stop|never stop|can't stop laughing|I can't stop thinking about it
won't stop raining|please do not stop sending these|I'll stop by tomorrow|can I stop by?|Can you stop by at 5?
stopping by later|stop in anytime|I'll stop over after work|I'll stop at the store|could we stop at your shop
non-stop|nonstop|one-stop shop|one stop shop|bus stop|the bus stop is close|at the bus stop|non stop fun
next stop Paris|truck stop|full stop|weekend|see you this weekend|the end|The end.|offer ends?
when does the offer end?|when does the sale end|Does the offer end today?|by the end of the week|cancel my order
Cancel order|please cancel my appointment|cancel the trip|remove item|remove an item from my cart
cancel my appointment please|can you cancel my order #1001?|remove the item from my order|cancel appointment
I need to cancel my reservation|cancel my booking|I want to cancel my order|What does STOP do?
what happens if I reply STOP?|What happens when I text STOP|does STOP cancel my order?
if I reply stop do I lose my points?|Do I need to reply STOP every time?|does stop work
will STOP unsubscribe me from everything?|why does it say reply STOP|what is stop for?|Reply STOP to opt out
Acme: 20% off today! Reply STOP to unsubscribe|yes|YES!|Yes please|yes I love it|y|yeah|shop|SHOP|spot|step
stoop|post|top|quiet|quite|quote|send|and|ended|cancer|candle|evoke|friend|help me find a mug|start the order
thanks!|Great coffee!|Where is my order?|ok|👍|❤️|When will it arrive?|what time do you open
I moved to 12 Main St|my name is Ana|hello|Start at 5pm?|Can you start tomorrow|I'd like to join you for lunch
info about the mug|can you help me|who is this|¿Dónde está mi pedido?|où est ma commande|不错|谢谢|gracias
merci beaucoup|danke|obrigado|Liked “Reply STOP to opt out”|Loved "STOP to end"
Disliked “Acme: sale! Reply STOP to cancel”|Laughed at “stop texting me”|Emphasized “STOP”
Emphasised "Stop"|Questioned “unsubscribe”|Reacted 👍 to “Reply STOP to end”|Reacted with ❤️ to "stop"
Liked an image|Removed a heart from “STOP”|👍 to “Reply STOP to opt out”|Le gustó “Responda STOP”
A aimé « STOP »|> Reply STOP to opt out|> STOP\nThanks!|On Mon, Nov 2, Acme wrote:\n> Reply STOP
Great!\nSent from my iPhone|Great!\n--\nStop Motion Studios|Don't text and drive|I don't want to miss this
don't forget to text me when it ships|Don't unsubscribe me|please don't cancel|I never opt out of these
don't remove me|do not unsubscribe me please|I don't want to stop receiving these|wrong size
you sent the wrong item|I ordered the wrong number of bags|not now|Not sure|This is not working|I'm not home
end of the street
"""

UNCLEAR = """
no thanks|No thank you|no, thanks!|not interested|cancel my subscription|Cancel subscription
stop my subscription|cancel my membership|stop the box|please stop the box|yes but not at night
Yes, but only on weekdays not at night|🛑|⛔️|✋|🛑🛑🛑|no|nope|You never stop|this is spam
I will call my lawyer|too many texts|how did you get my number|I want to cancel|fewer messages please
stop the music in aisle five of the store
my friend said that you should really stop this nonsense behaviour now or else|end my membership
"""


HELP = """
HELP|help|Help!|HELP?|info|INFO|Info please|help please|please help|aide|Ayuda|HILFE|aiuto|hlep|START HELP|help svp
"""

NO_OPT_IN = """
start please|please start|strat|join us|sart|subscribe me|resume it|start now|I want to start|unstop me|restart
YES START
"""


def cells(table: str) -> list[str]:
    """Return the texts of a table, one a cell; backslash and n stand for a line break."""
    return [cell.replace("\\n", "\n") for line in table.strip().splitlines() for cell in line.split("|") if cell]


@pytest.mark.parametrize("text", cells(KEYWORDS + WITH_FILLERS + DISGUISED + TYPOS + PHRASES))
@pytest.mark.parametrize("context", list(Context))
def test_a_text_that_means_stop_is_an_opt_out_whoever_sends_it(text: str, context: Context) -> None:
    reading = classify(text, context)

    assert (reading.reply_class, reading.needs_review, reading.wrong_party) == (ReplyClass.OPT_OUT, False, False)


@pytest.mark.parametrize("text", cells(WRONG_PARTY))
def test_a_stranger_at_the_number_is_an_opt_out_of_the_number(text: str) -> None:
    reading = classify(text, Context.SUBSCRIBED)

    assert (reading.reply_class, reading.wrong_party) == (ReplyClass.OPT_OUT, True)


@pytest.mark.parametrize("text", cells(GUARDED))
def test_a_text_that_only_sounds_like_a_keyword_changes_nothing(text: str) -> None:
    reading = classify(text, Context.SUBSCRIBED)

    assert (reading.reply_class, reading.needs_review) == (ReplyClass.OTHER, False)


@pytest.mark.parametrize("text", cells(UNCLEAR))
def test_an_unclear_text_waits_for_a_person(text: str) -> None:
    reading = classify(text, Context.SUBSCRIBED)

    assert (reading.reply_class, reading.needs_review) == (ReplyClass.OTHER, True)


@pytest.mark.parametrize("text", cells(HELP))
def test_asking_for_help_is_help(text: str) -> None:
    assert classify(text, Context.SUBSCRIBED).reply_class is ReplyClass.HELP


@pytest.mark.parametrize(
    "text", cells("START|start|Start!|UNSTOP|unstop.|subscribe|JOIN|resume|OPTIN|opt in|Opt-In|START 😀")
)
@pytest.mark.parametrize("context", list(Context))
def test_an_opt_in_keyword_alone_is_an_opt_in(text: str, context: Context) -> None:
    assert classify(text, context).reply_class is ReplyClass.OPT_IN


@pytest.mark.parametrize("text", cells(NO_OPT_IN))
def test_opt_in_is_never_read_into_more_than_the_keyword(text: str) -> None:
    assert classify(text, Context.OPTED_OUT).reply_class is not ReplyClass.OPT_IN


@pytest.mark.parametrize("text", ["YES", "yes", "Yes!", "y", "Y"])
def test_yes_opts_in_only_a_person_who_is_opted_out_or_was_asked(text: str) -> None:
    readings = {context: classify(text, context).reply_class for context in Context}

    assert readings == {
        Context.SUBSCRIBED: ReplyClass.OTHER,
        Context.NONE: ReplyClass.OTHER,
        Context.OPTED_OUT: ReplyClass.OPT_IN,
        Context.PENDING: ReplyClass.OPT_IN,
    }


def test_the_reason_never_repeats_the_text() -> None:
    assert "purple" not in classify("stop sending me purple things", Context.SUBSCRIBED).why


def test_the_table_is_generous() -> None:
    tables = (KEYWORDS, WITH_FILLERS, DISGUISED, TYPOS, PHRASES, WRONG_PARTY, GUARDED, UNCLEAR)

    assert len({cell for table in tables for cell in cells(table)}) >= 400
