/*
 * Mail: who spoke, what was said, and what follows. Words of servers are judged by receipt_mail_rules.c;
 * codes only where the words say nothing.
 */
#include "fault/receipt_mail.h"
#include "fault/receipt_rules.h"

/* A verdict on words, before phase and severity have had their say. */
struct judgement {
    struct answer_rule rule;
    enum mail_topic topic;
    bool by_words;
    bool quoted;     /* it is the verdict on a reply that the speaker quotes */
    int code;        /* the reply code that counts; 0: none */
    int enhanced[3]; /* RFC 3463 */
};

static struct answer_rule rule_of(enum receipt_class class, enum receipt_retry retry,
                                  enum receipt_effect effect, enum receipt_whom scope)
{
    return (struct answer_rule){"", class, retry, effect, scope, DELIVERY_ERROR_COUNT};
}

static struct answer_rule unclassified(void)
{
    return rule_of(RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE);
}

static struct answer_rule passing(void)
{
    return rule_of(RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER);
}

/*
 * What an enhanced status says by itself (RFC 3463, 5248, 7372, 7505; Microsoft's 5.7.5xx to 5.7.7xx). Its
 * subject and detail; detail 1000 stands for all others of the subject. The reply's severity comes later.
 */
static const struct status_row {
    int subject, detail;
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect;
    enum receipt_whom scope;
    enum mail_topic topic;
} statuses[] = {
#define ROW(subject, detail, class, retry, effect, scope, topic)                                             \
    {                                                                                                        \
        subject, detail, RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, RECEIPT_##scope,          \
            MAIL_TOPIC_##topic                                                                               \
    }
    ROW(1, 1, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, UNKNOWN),
    ROW(1, 2, DOMAIN_DNS, NO, NO_EFFECT, RECIPIENT, OTHER),
    ROW(1, 3, PERMANENT_RECIPIENT, NO, NO_EFFECT, RECIPIENT, OTHER),
    ROW(1, 6, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, OTHER),
    ROW(1, 7, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(1, 8, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(1, 10, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, OTHER),
    ROW(2, 1, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, OTHER),
    ROW(2, 2, MAILBOX_FULL, LATER, NO_EFFECT, RECIPIENT, OTHER),
    ROW(2, 3, MESSAGE_FAULT, NO, NO_EFFECT, MESSAGE, OTHER),
    ROW(3, 1, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(3, 2, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(3, 4, MESSAGE_FAULT, NO, NO_EFFECT, MESSAGE, OTHER),
    ROW(4, 1, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(4, 2, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(4, 3, DOMAIN_DNS, LATER, NO_EFFECT, RECIPIENT, OTHER),
    ROW(4, 4, DOMAIN_DNS, NO, NO_EFFECT, RECIPIENT, OTHER),
    ROW(4, 5, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(4, 6, DOMAIN_DNS, NO, NO_EFFECT, RECIPIENT, OTHER),
    ROW(4, 7, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(4, 1000, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, OTHER),
    ROW(5, 3, RATE_LIMIT, LATER, NO_EFFECT, ACCOUNT, OTHER),
    ROW(6, 1000, MESSAGE_FAULT, NO, NO_EFFECT, MESSAGE, OTHER),
    ROW(7, 8, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, OWN),
    ROW(7, 9, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, OTHER),
    ROW(7, 17, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, OTHER),
    ROW(7, 20, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 21, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 22, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 23, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 24, SENDER_SIDE, LATER, NO_EFFECT, ACCOUNT, OTHER),
    ROW(7, 25, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 26, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 27, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 28, RATE_LIMIT, LATER, NO_EFFECT, ACCOUNT, OTHER),
    ROW(7, 29, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 509, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 515, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, SENDER),
    ROW(7, 1000, POLICY_BLOCK, NO, NO_EFFECT, MESSAGE, OTHER),
#undef ROW
};

static bool by_status(struct judgement *v)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const struct status_row *row = &statuses[i];
        if (row->subject != v->enhanced[1] || (row->detail != v->enhanced[2] && row->detail != 1000))
            continue;
        if (row->detail == 1000 && row->subject == 7 && v->enhanced[2] >= 606 && v->enhanced[2] <= 649) {
            /* Microsoft's numbers for banned and suspicious addresses of senders. */
            v->rule = rule_of(RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT);
            return true;
        }
        v->rule = rule_of(row->class, row->retry, row->effect, row->scope);
        v->topic = row->topic;
        return true;
    }
    return false;
}

static void by_code(struct judgement *v)
{
    v->rule = unclassified();
    switch (v->code) {
    case 521: /* RFC 7504: the host takes no mail */
    case 556:
        v->rule = rule_of(RECEIPT_DOMAIN_DNS, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT);
        break;
    case 530:
    case 534:
    case 535:
    case 538:
        v->rule = rule_of(RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT);
        v->topic = MAIL_TOPIC_OWN;
        break;
    case 551: /* user not local */
        v->rule =
            rule_of(RECEIPT_PERMANENT_RECIPIENT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT);
        break;
    default:
        if (v->code >= 400 && v->code < 500)
            v->rule = passing();
        break;
    }
}

/* The phases in which nothing about a recipient was known to the server. */
static bool before_recipient(struct span phase)
{
    static const char *const phases[] = {"CONNECT", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL"};
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (span_eq_nocase(phase, span_of(phases[i])))
            return true;
    return false;
}

static bool after_data(struct span phase)
{
    return span_eq_nocase(phase, SPAN_LIT("DATA")) || span_eq_nocase(phase, SPAN_LIT("END")) ||
           span_eq_nocase(phase, SPAN_LIT("BDAT"));
}

/* What was answered: as the caller knows it, or as Postfix, Exim and Sendmail say it. */
static struct span phase_of(const struct answer *a, struct span whole)
{
    static const struct {
        const char *pattern;
        const char *phase;
    } said[] = {
        {"(in reply to|after|response to|reply to) (end of data|data|bdat|end-of-data|\\. )", "END"},
        {">>> (data|bdat)", "DATA"},
        {"(in reply to|after|response to|reply to) (rcpt|recipient)", "RCPT"},
        {"(in reply to|after|response to|reply to) (mail|sender|pipelined mail)", "MAIL"},
        {"(in reply to|after|response to|reply to) (ehlo|helo)", "EHLO"},
        {"(in reply to|after|response to|reply to) (auth|starttls)", "AUTH"},
        {"(after initial connection|refused to talk to me)", "CONNECT"},
    };
    if (a->command.len > 0)
        return a->command;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        if (answer_text_has(whole, said[i].pattern))
            return span_of(said[i].phase);
    return (struct span){"", 0};
}

/*
 * Japanese carriers say "User unknown" also where the owner's filter refuses a mail: then after the text, or
 * (au) without the address, or with status 5.2.0.
 */
static bool is_carrier(struct span whole)
{
    return answer_text_has(whole,
                           "(docomo.ne.jp|ezweb.ne.jp|au.com|softbank.ne.jp|vodafone.ne.jp|i.softbank.jp|"
                           "disney.ne.jp|willcom.com|pdx.ne.jp|ymobile.ne.jp|ymobile1.ne.jp|uqmobile.jp)");
}

/* RFC 4954: the reply is about our log-in. */
static bool is_login(int code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

static void doubt_unknown(const struct answer *a, struct span whole, struct judgement *v)
{
    struct span phase = phase_of(a, whole);
    if (before_recipient(phase) || (v->enhanced[1] == 1 && (v->enhanced[2] == 7 || v->enhanced[2] == 8))) {
        v->rule = rule_of(RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT);
        v->topic = MAIL_TOPIC_SENDER;
        return;
    }
    if (v->topic != MAIL_TOPIC_UNKNOWN)
        return;
    if ((v->enhanced[1] == 2 && v->enhanced[2] == 0) || (after_data(phase) && is_carrier(whole)) ||
        answer_text_has(whole, "^(smtp;( )?)?550( )?: user unknown")) {
        v->rule = rule_of(RECEIPT_POLICY_BLOCK, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT);
    } else if (v->enhanced[1] == 2 && (v->enhanced[2] == 1 || v->enhanced[2] == 2)) {
        /* The status says that there is a mailbox, the words that there is none: nobody is judged by that. */
        v->rule = rule_of(RECEIPT_MAILBOX_FULL, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT);
    } else if (after_data(phase) && !answer_text_has(whole, "(doesn't|does not) have (a|an) * account")) {
        v->rule.effect =
            RECEIPT_NO_EFFECT; /* a filter behind the server answers, and not its list of users */
    }
}

/* A refusal for now is no refusal for good, whatever it says. Our own faults do not heal by waiting. */
static void soften(struct judgement *v, struct span plain)
{
    bool now = v->code >= 400 && v->code < 500;
    if (v->code == 0)
        now = v->enhanced[0] == 4;
    bool own_fault = v->topic == MAIL_TOPIC_OWN || v->topic == MAIL_TOPIC_SENDER;
    if (!now && v->rule.class != RECEIPT_SENDER_SIDE)
        now = v->by_words && v->rule.retry == RECEIPT_RETRY_NO && v->rule.class != RECEIPT_MESSAGE_FAULT &&
              v->rule.class != RECEIPT_DOMAIN_DNS &&
              answer_text_has(
                  plain, "(temporar~|temporarly|(try|retry) (it )?(again )?(later|in|after)|again later)");
    if (!now || own_fault || v->rule.retry == RECEIPT_RETRY_SENT_UNKNOWN)
        return;
    if (v->rule.class == RECEIPT_PERMANENT_RECIPIENT)
        v->rule.class = RECEIPT_TRANSIENT_SERVER;
    if (v->rule.class == RECEIPT_UNCLASSIFIED)
        v->rule = passing();
    v->rule.retry = RECEIPT_RETRY_LATER;
    v->rule.effect = RECEIPT_NO_EFFECT;
}

static void read_status(const struct answer *a, int ret[3])
{
    struct mail_words status;
    receipt_mail_words(answer_text_header(a, "Status"), &status);
    memcpy(ret, status.enhanced, sizeof(status.enhanced));
}

/*
 * Whether the words name something beside the person: then "not found" may be said of that, and nobody is
 * unsubscribed.
 */
static bool names_other(struct span plain)
{
    return answer_text_has(
        plain, "(sender~|sending|(your|mail|directory|ldap|dns) server|your (mail server|domain|ip|host|"
               "account|address)|ip|link|url|policy|policies|rule|whitelist|certificate|attachment~|"
               "header~|signature|agent|key|file|database|lookup (failed|error)|group|mailing list)");
}

/* The words of a quoted reply first, then all words, then the codes, the quoted before the others. */
static void judge(const struct answer *a, struct span said, struct mail_words *w, struct judgement *v)
{
    receipt_mail_words(said, w);
    *v = (struct judgement){.rule = unclassified(), .topic = MAIL_TOPIC_OTHER, .code = w->code};
    memcpy(v->enhanced, w->enhanced, sizeof(v->enhanced));
    const struct answer_rule *rule = NULL;
    const struct mail_words *judged = w;
    struct mail_words inner;
    struct span quoted;
    if (receipt_mail_quoted(w, &quoted)) {
        receipt_mail_words(quoted, &inner);
        rule = receipt_mail_rule(answer_text_span(&inner.plain), &v->topic);
        v->quoted = true;
        v->code = inner.code;
        if (inner.enhanced[0] > 0)
            memcpy(v->enhanced, inner.enhanced, sizeof(v->enhanced));
    }
    if (v->code == 0 && a->stage == STAGE_SMTP)
        v->code = a->status;
    if (v->enhanced[0] == 0)
        read_status(a, v->enhanced);
    if (rule)
        judged = &inner;
    else
        rule = receipt_mail_rule(answer_text_span(&w->plain), &v->topic);
    v->by_words = rule != NULL;
    if (rule)
        v->rule = *rule;
    else if (v->enhanced[0] == 0 || !by_status(v))
        by_code(v);
    if (!rule && v->rule.class == RECEIPT_UNCLASSIFIED && v->enhanced[0] == 4)
        v->rule = passing();
    if (v->rule.class == RECEIPT_PERMANENT_RECIPIENT && is_login(v->code))
        by_code(v);
    else if (v->rule.class == RECEIPT_PERMANENT_RECIPIENT)
        doubt_unknown(a, answer_text_span(&w->whole), v);
    if (v->rule.effect == RECEIPT_UNSUBSCRIBE && names_other(answer_text_span(&judged->plain)))
        v->rule.effect = RECEIPT_NO_EFFECT;
    soften(v, answer_text_span(&w->plain));
}

/* The row of a bounce: what it means, in the words of the list that fit best. */
static enum delivery_error_id row_of(const struct answer_rule *rule, struct span plain)
{
    switch (rule->class) {
    case RECEIPT_PERMANENT_RECIPIENT:
        if (answer_text_has(plain, "(have|no|has) (a |an |such )?* account") ||
            answer_text_has(plain,
                            "account~ * (disabled|inactive|closed|deleted|terminated|does not|doesn't|not)"))
            return DELIVERY_ERROR_bounce_no_account;
        if (answer_text_has(plain, "(user|mailbox) (is )?(unknown|not found|not known|doesn't|does not)") ||
            answer_text_has(plain, "(unknown|no such) (user|mailbox)"))
            return DELIVERY_ERROR_bounce_user_unknown;
        if (answer_text_has(plain, "(invalid|recipient~|bad|address~|not a valid)"))
            return DELIVERY_ERROR_bounce_invalid_recipient;
        return DELIVERY_ERROR_bounce_user_unknown;
    case RECEIPT_MAILBOX_FULL:
        return answer_text_has(plain, "overquota") ? DELIVERY_ERROR_bounce_overquota
                                                   : DELIVERY_ERROR_bounce_over_quota;
    case RECEIPT_DOMAIN_DNS:
        return DELIVERY_ERROR_bounce_mx;
    case RECEIPT_TRANSIENT_SERVER:
    case RECEIPT_UNKNOWN_SENT:
        return DELIVERY_ERROR_bounce_dial;
    case RECEIPT_ACCEPTED:
    case RECEIPT_PENDING:
    case RECEIPT_POLICY_BLOCK:
    case RECEIPT_SENDER_SIDE:
    case RECEIPT_RATE_LIMIT:
    case RECEIPT_MESSAGE_FAULT:
    case RECEIPT_TOKEN_DEAD:
    case RECEIPT_SPAM_REPORT:
    case RECEIPT_UNSUBSCRIBED:
    case RECEIPT_SUPPRESSED:
    case RECEIPT_UNCLASSIFIED:
    case RECEIPT_CLASSES:
        break;
    }
    return DELIVERY_ERROR_bounce_spam;
}

/* What the server said, with its code in front, as the list has it: "550 5.1.1 … User unknown". */
static void put_said(const struct answer *a, struct span said, struct receipt *ret)
{
    static const char *const types[] = {"smtp;", "x-unix;", "x-postfix;", "rfc822;"};
    said = span_trim(said);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (said.len > strlen(types[i]) && strncasecmp(said.ptr, types[i], strlen(types[i])) == 0)
            said = span_trim((struct span){said.ptr + strlen(types[i]), said.len - strlen(types[i])});
    bool coded =
        said.len >= 3 && said.ptr[0] >= '2' && said.ptr[0] <= '5' && said.ptr[1] >= '0' && said.ptr[1] <= '9';
    if (!coded && a->stage == STAGE_SMTP && a->status > 0) {
        answer_text_put_int(ret, a->status);
        answer_text_put_str(ret, " ");
    }
    answer_text_put(ret, said);
    while (ret->text_len > 0 && ret->text[ret->text_len - 1] == ' ')
        ret->text[--ret->text_len] = '\0';
    if (ret->text_len == 0)
        answer_text_put_str(ret, delivery_error_of(DELIVERY_ERROR_unclassified)->text);
}

void receipt_mail_refusal(const struct answer *a, struct span said, bool bounce, struct receipt *ret)
{
    struct mail_words w;
    struct judgement v;
    judge(a, said, &w, &v);
    ret->failed = true;
    ret->class = v.rule.class;
    ret->retry = v.rule.retry;
    ret->effect = v.rule.effect;
    ret->scope = v.rule.scope;
    ret->retry_after_s = answer_text_retry_after(a);
    bool by_relay = !bounce && !v.quoted && v.topic == MAIL_TOPIC_OWN;
    /* Another server that does not relay is not where our account is: no reason to stop for everybody. */
    if (v.topic == MAIL_TOPIC_OWN && !by_relay)
        ret->effect = RECEIPT_NO_EFFECT;
    if (by_relay) {
        ret->error = v.rule.error != DELIVERY_ERROR_COUNT ? v.rule.error : DELIVERY_ERROR_client_response;
        if (ret->error != DELIVERY_ERROR_client_response) {
            answer_text_put_str(ret, delivery_error_of(ret->error)->text);
            return;
        }
    } else {
        ret->error = row_of(&v.rule, answer_text_span(&w.plain));
    }
    put_said(a, said, ret);
}

static void no_failure(enum receipt_class class, enum receipt_retry retry, struct receipt *ret)
{
    ret->failed = false;
    ret->class = class;
    ret->retry = retry;
    ret->effect = RECEIPT_NO_EFFECT;
    ret->scope = RECEIPT_MESSAGE;
}

/* A connection to our relay that ended without a reply. */
static void no_reply(const struct answer *a, struct receipt *ret)
{
    bool maybe_sent = a->command.len == 0 || after_data(a->command);
    ret->failed = true;
    ret->error = DELIVERY_ERROR_mail_server;
    ret->class = maybe_sent ? RECEIPT_UNKNOWN_SENT : RECEIPT_TRANSIENT_SERVER;
    ret->retry = maybe_sent ? RECEIPT_RETRY_SENT_UNKNOWN : RECEIPT_RETRY_LATER;
    ret->effect = RECEIPT_NO_EFFECT;
    ret->scope = RECEIPT_PROVIDER;
    answer_text_put_str(ret, delivery_error_of(ret->error)->text);
}

static void smtp_reply(const struct answer *a, struct receipt *ret)
{
    if (a->status == 0 && span_trim(a->body).len == 0) {
        no_reply(a, ret);
        return;
    }
    if (a->status >= 200 && a->status < 400) {
        no_failure(RECEIPT_ACCEPTED, RECEIPT_RETRY_NO, ret);
        return;
    }
    if (a->status == 0) {
        struct mail_words w;
        receipt_mail_words(a->body, &w);
        if (w.code >= 200 && w.code < 400) {
            no_failure(RECEIPT_ACCEPTED, RECEIPT_RETRY_NO, ret);
            return;
        }
    }
    receipt_mail_refusal(a, a->body, false, ret);
}

/* "Name: value" at the front of a line of a report that came whole; empty: not there. */
static struct span field_of(struct span report, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + len < report.len; i++)
        if ((i == 0 || report.ptr[i - 1] == '\n') && report.ptr[i + len] == ':' &&
            strncasecmp(report.ptr + i, name, len) == 0) {
            struct span value = {report.ptr + i + len + 1, report.len - i - len - 1};
            for (size_t at = 0; at < value.len; at++)
                if (value.ptr[at] == '\n' &&
                    (at + 1 == value.len || (value.ptr[at + 1] != ' ' && value.ptr[at + 1] != '\t')))
                    value.len = at;
            return span_trim(value);
        }
    return (struct span){"", 0};
}

static bool says(struct span value, const char *word)
{
    struct answer_text text;
    answer_text_of(value, &text);
    return answer_text_has(answer_text_span(&text), word);
}

static void status_notification(const struct answer *a, struct receipt *ret)
{
    struct span action = answer_text_header(a, "Action"), said = a->body;
    struct span whole_code = field_of(a->body, "Diagnostic-Code");
    if (action.len == 0)
        action = field_of(a->body, "Action");
    struct span status = answer_text_header(a, "Status");
    if (status.len == 0)
        status = field_of(a->body, "Status");
    if (whole_code.len > 0)
        said = whole_code;
    if (span_trim(said).len == 0)
        said = answer_text_header(a, "Diagnostic-Code");
    struct mail_words w;
    receipt_mail_words(said, &w);
    bool hard = says(action, "^failed") || w.code >= 500 || w.enhanced[0] == 5 || says(status, "^5");
    if (says(action, "^(delivered|relayed|expanded)") || (action.len == 0 && says(status, "^2.#.#"))) {
        no_failure(RECEIPT_ACCEPTED, RECEIPT_RETRY_NO, ret);
    } else if (says(action, "^delayed") ||
               (!hard && answer_text_has(
                             answer_text_span(&w.plain),
                             "(will (keep trying|be retried|continue|retry|try again)|warning message only|"
                             "no action is required|delivery attempts will continue|still being retried|"
                             "(has been|is) delayed|not yet been delivered)"))) {
        no_failure(RECEIPT_PENDING, RECEIPT_RETRY_LATER, ret);
    } else {
        receipt_mail_refusal(a, said, true, ret);
    }
}

void receipt_mail(const struct answer *a, struct receipt *ret)
{
    switch (a->stage) {
    case STAGE_REQUEST:
        receipt_sendgrid_answer(a, ret);
        break;
    case STAGE_EVENT:
        receipt_sendgrid_event(a, ret);
        break;
    case STAGE_SMTP:
        smtp_reply(a, ret);
        break;
    case STAGE_DSN:
        status_notification(a, ret);
        break;
    }
    ret->seed_effect = ret->failed ? delivery_error_of(ret->error)->seed_effect : RECEIPT_NO_EFFECT;
}
