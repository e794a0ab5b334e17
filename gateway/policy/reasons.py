"""Every reason of policy: its stable code, and one sentence in plain words, in English and in Russian.

The one registry that refusals, problem+json, `accord errors` and `accord policy explain` read. A code never changes its
meaning; a new meaning is a new code. Position is the order in which people read reasons. The Russian sentences stand in
`gateway.policy.russian`; a test demands one for every code.
"""

from msgspec import Struct

from gateway.policy.russian import RUSSIAN

LANGUAGES = ("en", "ru")


class Sentence(Struct, frozen=True):
    """What a code means, one sentence a language."""

    en: str
    ru: str

    def in_language(self, language: str) -> str:
        """Return the sentence in `language`, in English if we do not speak it."""
        return self.ru if language == "ru" else self.en


REASONS: dict[str, Sentence] = {
    code: Sentence(en, RUSSIAN.get(code, en))
    for code, en in {
        # The ground we stand on.
        "edition-expired": "The directory edition of this gateway has expired; a newer one must be loaded.",
        "law-mismatch": "The agreement files of this gateway are not those that the directory edition names.",
        "rule-missing": "A clause of the agreement has no rule that could judge it, so nothing passes under it.",
        "rule-failed": "A rule failed while judging; what cannot be judged does not pass.",
        "clause-missing": "The agreement has no clause for what this message does, and silence does not permit.",
        # Who.
        "authority-unknown": "The authority is not listed in the directory.",
        "authority-revoked": "The authority has been revoked in the directory.",
        "originator-mismatch": "The message came over the connection of another authority than its originator.",
        "private-entity": "Private entities may not exchange information through this gateway.",
        "key-compromised": "A key that signed this message has been withdrawn.",
        # Agreement.
        "agreement-unknown": "No agreement of this name is listed in the directory edition.",
        "pair-not-covered": "The agreement does not govern traffic between these two parties.",
        "agreement-not-in-force": "The agreement is not in force for a party on this day.",
        "agreement-ended": "The agreement has ended for a party; only protective messages still pass.",
        "agreement-suspended": "The agreement is suspended for this kind of message; only protective messages pass.",
        "agreement-superseded": "Another agreement has taken its place between these two parties.",
        "amendment-pending": "This text of the agreement states an amendment that is not in force yet.",
        "dates-contradict": "The dates recorded for a party contradict the agreement, so it is not taken to be bound.",
        "reservation": "A party has reserved itself from this form of cooperation.",
        "kind-not-foreseen": "The agreement does not foresee this kind of message.",
        "legal-assistance-excluded": "Legal assistance in criminal matters is outside this agreement.",
        "capability-missing": "The agreement does not provide for this form of cooperation, such as database access.",
        "nexus-missing": "The message does not declare the connection that the agreement demands.",
        # Purpose.
        "purpose-outside-agreement": "A purpose is not one of those that the agreement serves.",
        "purpose-outside-mandate": "A purpose is outside the mandate of an authority.",
        "purpose-outside-source": "Information of another authority is used for a purpose it was not given for.",
        "other-agreement": "Information given under one agreement may not be used under another.",
        "subject-missing": "The message names none of the subjects that the agreement is limited to.",
        "subject-outside-agreement": "A subject is not one of those that the agreement covers.",
        "subject-outside-mandate": "A subject is outside the mandate of an authority.",
        "subject-unknown": "A subject is not a code of any agreement in force here.",
        "kind-outside-mandate": "This kind of message is outside the mandate of an authority.",
        "attestation-missing": "A declaration that the agreement demands of the originator is missing.",
        "category-prohibited": "Matters of a political, military, religious or racial character may not pass.",
        # Access.
        "clearance-exceeded": "The marking of the message is above the clearance of an authority.",
        "link-clearance-exceeded": "The marking of the message is above what this connection may carry.",
        "link-not-confidential": "The existence of this message is confidential and this connection would show it.",
        "confidential-fact-spread": "The existence of this message is confidential, so it goes to fewer recipients.",
        "label-lowered": "The message is marked lower than the information of another authority that it uses.",
        "database-missing": "A query must name the database it asks.",
        "grant-missing": "The central node has granted this authority no access to this database.",
        "grant-expired": "The access granted to this database has expired.",
        "grant-level": "The marking of the query is above the level of access granted.",
        "grant-purpose": "A purpose of the query is not one for which access was granted.",
        "grant-issuer": "A query goes to the central node that granted access, and to nobody else.",
        "query-delegated": "Direct access may not be used for somebody else.",
        "query-not-foreseen": "The agreement gives no direct access to a database.",
        "entity-class": "The class of the originator gives no right to this kind of access.",
        "security-profile": "The connection is not attested to the security profile asked for, or no longer.",
        "terms-not-accepted": "The terms of access have not been accepted, or no acceptance is on record.",
        "rule-set-not-accepted": "A rule set that the agreement refers to and that is in effect has not been accepted.",
        "rule-sets-apply": "These rule sets, to which the agreement refers, were in effect on that day.",
        "degree-exceeded": "A recipient cannot keep the degree of confidentiality that the provider asked for.",
        "level-too-low": "The message is marked lower than messages of this kind are marked.",
        # Sources, third parties, consent.
        "source-unavailable": "A cited message is not available to this authority as a source.",
        "reply-unavailable": "The message answered is not available to this authority.",
        "consent-missing": "The provider has not consented to passing its information to this third party.",
        "third-party-prohibited": "The provider has prohibited passing this information to third parties.",
        "consent-unavailable": "A cited consent is not available to this authority.",
        "consent-not-yet-valid": "A cited consent is not valid yet.",
        "consent-expired": "A cited consent has expired.",
        "consent-revoked": "A cited consent has been revoked by the provider.",
        "consent-used-up": "A cited consent has been used as often as the provider allowed.",
        "consent-wrong-provider": "A cited consent was not given by the provider of this source.",
        "consent-wrong-source": "A cited consent does not name this source.",
        "consent-wrong-agreement": "A cited consent names another agreement than the one the source came under.",
        "consent-wrong-recipient": "A cited consent does not name this recipient.",
        "consent-wrong-purpose": "A cited consent does not cover a purpose of this message.",
        # Conditions, form, personal data.
        "condition-dropped": "A condition of the provider does not travel with its information.",
        "condition-not-accepted": "A condition of the provider is left out; the originator's party never accepted it.",
        "destruction-deadline-missing": "Personal data needs a date by which the recipient destroys it.",
        "destruction-deadline-past": "The date by which the information must be destroyed has passed.",
        "necessity-missing": "Special categories of personal data need a stated necessity.",
        "special-category-unknown": "A special category is not one that the agreement names.",
        "personal-data-unmarked": "The message concerns a person and is not marked as personal data.",
        "national-law": "The law of a State concerned, or another of its treaties, forbids this message.",
        "element-missing": "Elements that a request must contain are not declared.",
        "document-incomplete": "A travel document needs its number, type and a status that the agreement knows.",
        "ground-missing": "Information sent without a request needs the ground that the agreement names.",
        "instrument-not-cited": "The international instrument that this request rests on is not cited.",
        "language": "The message is not in the working language of the agreement.",
        "language-unstated": "The message does not state its language.",
        "urgency-too-low": "The message is marked less urgent than this form of cooperation is.",
        "review-overdue": "The day by which the provider was to review the information has passed or is not stated.",
        # Signatures, channels, refusals, referrals.
        "signer-missing": "The signature of an official who must sign the request is missing.",
        "seal-missing": "The seal of the competent authority does not stand on the request.",
        "person-not-authorised": "The message is not signed by a person authorised to carry out the interaction.",
        "expert-operational": "An expert who was sent only advises and supports; this message does more.",
        "channel-unbased": "No agreement of the authorities and no other basis opens an electronic channel for it.",
        "channel-unacceptable": "In light of its contents this message may not go electronically.",
        "grounds-unknown": "The refusal names no ground, or one that the agreement does not know.",
        "reasons-not-given": "A refusal under this agreement must give its reasons.",
        "withheld-not-listed": "A refusal in part must list what is withheld.",
        "initiator-not-notified": "The initiator of the request is not told that it is handed on.",
        # What becomes of a message later.
        "consent-withdrawn": "A consent that this message rests on no longer stands.",
        "id-reused": "This originator has used this message id for other bytes.",
        "expired": "The message expired before it was delivered.",
        "attempts-exhausted": "The recipient was sent the message as often as we try, and never acknowledged it.",
        "undecipherable": "The recipient could not open the message.",
        # Statements.
        "grantee-without-source": "The authority that is to pass on the information never received it.",
        "period-empty": "The consent ends before it begins, or has ended already.",
        "more-reasons": "There are more reasons than a record holds.",
    }.items()
}
ORDER = {code: position for position, code in enumerate(REASONS)}


def sentence(code: str, language: str = "en") -> str:
    """Return the plain sentence of a reason code; an unknown code says so itself."""
    entry = REASONS.get(code)
    if entry is not None:
        return entry.in_language(language)
    if language == "ru":
        return f"Основание `{code}` отсутствует в реестре этой версии."
    return f"Reason `{code}` is not in this version's registry."
