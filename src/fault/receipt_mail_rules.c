/*
 * What servers say when they refuse a mail, as rules about words. The tables are tried in the order of
 * `tables` below, each from its first row: what is about the sender comes before what is about the recipient,
 * what names its subject before what could be about anybody. Patterns are those of answer_text.h and see
 * mail_words.plain, where addresses are "@", URLs "&", hosts ".", and hosts and URLs of blocklists "%".
 *
 * Sources: RFC 5321, 3463, 5248, 7372, 7505; the postmaster pages of Google, Microsoft, Yahoo, Apple,
 * Comcast, Cox, Spectrum, Orange, La Poste, T-Online, GMX, mail.ru, Yandex, Tencent, NetEase, NTT docomo,
 * KDDI; what Postfix, Sendmail, qmail, Exim, Courier and Exchange say.
 */
#include "fault/receipt_mail.h"

/* The row of the catalogue follows from class and words (receipt_mail.c), but for the client's errors. */
#define RULE(p, class, retry, effect, scope, error)                                                          \
    {                                                                                                        \
        p, RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, RECEIPT_##scope, DELIVERY_ERROR_##error \
    }
#define OWN(p, error) RULE(p, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, error)
#define OWN_LATER(p) RULE(p, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, client_response)
#define OURS(p) RULE(p, SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, COUNT)
#define RATE(p, scope) RULE(p, RATE_LIMIT, LATER, NO_EFFECT, scope, COUNT)
#define FULL(p) RULE(p, MAILBOX_FULL, LATER, NO_EFFECT, RECIPIENT, COUNT)
#define GONE(p) RULE(p, PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, RECIPIENT, COUNT)
/* Not to be reached, but nothing says that the address is dead for good. */
#define SHUT(p) RULE(p, PERMANENT_RECIPIENT, NO, NO_EFFECT, RECIPIENT, COUNT)
#define REST(p) RULE(p, TRANSIENT_SERVER, LATER, NO_EFFECT, RECIPIENT, COUNT)
#define BLOCK(p, scope) RULE(p, POLICY_BLOCK, NO, NO_EFFECT, scope, COUNT)
#define FORM(p) RULE(p, MESSAGE_FAULT, NO, NO_EFFECT, MESSAGE, COUNT)
#define DOMAIN(p) RULE(p, DOMAIN_DNS, NO, NO_EFFECT, RECIPIENT, COUNT)
#define LOOKUP(p) RULE(p, DOMAIN_DNS, LATER, NO_EFFECT, RECIPIENT, COUNT)
#define UNSURE(p) RULE(p, UNKNOWN_SENT, SENT_UNKNOWN, NO_EFFECT, MESSAGE, COUNT)
#define LATER(p) RULE(p, TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, COUNT)

/* The relay's last word did not arrive: whether it has the mail is not known. */
static const struct answer_rule unknown_sent[] = {
    UNSURE("may be sent more than once"),
    UNSURE("(lost|closed|reset|dropped|timed out|timeout) * (after|while sending|during) (the )?(end of "
           "data|final dot)"),
};

/* About other mails of ours, or how many they are, in words that would otherwise be about this recipient. */
static const struct answer_rule crowd[] = {
    RATE("too many (invalid|unknown|bad|nonexistent|non-existent|wrong|unverified) "
         "(recipient~|user~|address~|rcpt~|command~)",
         ACCOUNT),
    RATE("excessive * (unknown~|invalid recipients|bounces)", ACCOUNT),
    RATE("(receiving|received) (mail|email|messages) (too (quickly|fast|often)|at a rate)", RECIPIENT),
    RATE("(sending|outgoing|outbound|sender|daily|hourly|per hour|per day|relay|submission) (user |mail "
         "|message |email )?(sending )?(limit~|quota~|rate~)",
         ACCOUNT),
    RATE("exceeded (the |your |its )?(max |maximum |allowable |allowed |hourly |daily )?(number of "
         ")?(emails|mails|posts|recipients)",
         ACCOUNT),
    SHUT("(mailbox|account|recipient) * password * expired"),
    SHUT("unknown address error"),
    DOMAIN("exceeded # hops"),
    SHUT("(bad|invalid|illegal) (recipient |destination |mailbox |rcpt )?address syntax"),
    FULL("(user|mailbox|account) has too many messages"),
    RATE("(again slower|unusual rate)", ACCOUNT),
    DOMAIN("unable to get mx info"),
    RATE("(temporarily )?rate(-| )limited", ACCOUNT),
    RATE("(quota|limit) (exceeded )?for (the )?(sender|sending)", ACCOUNT),
    OURS("(sending|outgoing mail|outbound mail) * (disabled|suspended)"),
    OURS("(your|sender|sender's|sending) (account|mailbox|access|email account) * "
         "(disabled|suspended|deactivated|blocked|blacklisted|on hold|limited|restricted)"),
};

/* Verdicts on the text, which may come with advice about SPF that is no verdict on the sender. */
static const struct answer_rule verdict[] = {
    BLOCK("(due to|because of) spam classification", MESSAGE),
    BLOCK("((blacklisted|banned|blocked|listed|suspicious|malicious) (url|urls|link|links)|uribl|surbl)",
          MESSAGE),
    FORM("duplicate header"),
    BLOCK("(recipient|user|customer) * not want (your|this) (mail|email|message)", RECIPIENT),
    FORM("(recipsizelimit|sendsizelimit)"),
    BLOCK("(resolver.rst.|delivery restriction|permission to (send|post)|not authenticated when sending "
          "to|tenant allow)",
          RECIPIENT),
    BLOCK("(classified|detected|identified|flagged|marked) as (a |being )?(spam|junk|bulk|phishing|virus)",
          MESSAGE),
};

/* What our account at the relay may send, before what others think of our addresses. */
static const struct answer_rule identity[] = {
    OWN("(maximum|max) credits exceeded", client_credits),
    OWN("authorization grant is invalid", client_grant),
    OWN("(match~ a verified sender|unconfigured sending domain|not owned by (user|auth))", client_response),
    OWN("(address|addresses|identity|sender|domain) (is|are) not verified", client_response),
    OWN("verify (your|the) (sender|sending|from|domain)", client_response),
};

/* Our domain, host and address. */
static const struct answer_rule sender[] = {
    OURS("(spf|dmarc|dkim|domainkeys|sender policy framework|sender id|senderid)"),
    OURS("(does not|doesn't|did not) (meet|pass) * (authentication|verification)"),
    OURS("unauthenticated (email|e-mail|mail|message)~"),
    OURS("(email|e-mail|message|mail|domain|sender) (is |was |has )?(not|unable to be|isn't) (been "
         ")?authenticated"),
    OURS("(ptr|rdns|reverse dns|reverse-dns|fcrdns|reverse "
         "(hostname|host|lookup|ip|record|mapping|address|name))"),
    OURS("(find|resolve|verify) your (reverse )?(hostname|host|address|ip)"),
    OURS("(ip name lookup failed|unresolvable relay host|unverif~ sending|generic dns)"),
    OURS("(helo|ehlo) (command |name |argument |hostname |string )?* "
         "(rejected|invalid|not|bad|forged|denied|failed)"),
    OURS("(bad|invalid|forged|illegal) (helo|ehlo)"),
    OURS("domain of sender"),
    OURS("(sender|sender's|sending|mailfrom|mail from|originating|return path) (address |email |e-mail "
         ")?(domain|host) * (not|no|invalid|doesn't|unresolv~|listed|blacklisted)"),
    OURS("(sender|sender's|mailfrom|mail from|return path|return-path|return|from|reply-to|originator) "
         "(email |e-mail |envelope )?(address|identity|domain)(:)? * "
         "(rejected|refused|denied|not|invalid|unknown|misformatted|failed|blacklisted|empty|doesn't)"),
    OURS("(invalid|bad|unknown|unroutable|unrouteable|illegal|bogus|forged|spoofed|unauthorized) "
         "(sender|mail from|mailfrom|return path|from|originator)"),
    OURS("(sender|callout|call-out) (verify|verification)"),
    OURS("verification failed for @"),
    OURS("not (allowed|authorized|permitted) to (send|use) * (from|as|sender|domain)"),
    OURS("send(ing)? (as|this) (this |that |from )?(sender|address|a different address)"),
    OURS("(null|empty) (envelope )?(sender|return path)~"),
    OURS("mail from * (does not|doesn't|not) (resolve|exist)"),
    OURS("(from: domain is invalid|emetteur (invalide|inconnu)|batv|purported responsible address)"),
    OURS("(mx|a) record~ (for|of) (the )?(sender|from)"),
    OURS("sender (is |was |has been "
         ")?(rejected|denied|refused|blocked|unknown|invalid|blacklisted|spammer|in my black list|spam~|not "
         "(verified|allowed|authorized|permitted|accepted|valid|known|found|recognized))"),
    OURS("(spoof~ (message|mail|e-mail|email|sender|domain)|spam sender)"),
    OURS("your (email |e-mail |mail )?address (@ )?(is |was |has been |does )(not|invalid|unknown|blocked)"),
    OURS("(badmailfrom|badsender|bad outbound sender|sender domain must exist)"),
    OURS("(sender|sender's|from|return path) (address |domain )?(has|is) (a )?null( )?mx"),
};

/* Our account at the relay that we talk to. */
static const struct answer_rule own[] = {
    OWN_LATER("(temporary authentication failure|(tls|starttls|authentication) (is )?(currently |temporarily "
              ")?(not available|unavailable))"),
    OWN("(authentication|auth|authentification) (is |has |was |mechanism "
        ")?(failed|failure|required|unsuccessful|invalid|denied|error|rejected|needed|credentials|invalide|"
        "requise|not)",
        client_response),
    OWN("(username|user name|login|user id|userid|user) (and|or|/) (the |bad |wrong |invalid )?password",
        client_response),
    OWN("(bad|invalid|incorrect|wrong) (login|credential~|password|username|user name|authentication|auth)",
        client_response),
    OWN("password (has |is )?(expired|incorrect|not accepted|wrong|invalid)", client_response),
    OWN("(user|login|account) credentials", client_response),
    OWN("(credentials|login|log in|sign in) (are |is |was |has "
        ")?(invalid|incorrect|failed|required|denied|rejected)",
        client_response),
    OWN("(client|session|you|user|host) (was |is |are |were |must be |must )?(not "
        ")?(authenticate|authenticated|unauthenticated)",
        client_response),
    OWN("(please|must|need to) (first )?(log in|login|authenticate|use smtp auth|turn on smtp auth~)",
        client_response),
    OWN("(failed to authenticate|smtp auth|unauthenticated sender~|don't authenticate)", client_response),
    OWN("(must|should|need to) (first )?(issue|use|send) (a |the )?(starttls|tls|ssl)", client_response),
    OWN("(starttls|tls|ssl|encryption|secure connection) (is )?(required|mandatory)", client_response),
    OWN("require~ (starttls|tls|encryption|authentication|smtp auth)", client_response),
    OWN("(not subscribed to ses|not authorized to perform|account is paused|sending paused)",
        client_response),
    OWN("relay(ing)? (access |operation |operations |mail )?(is |was "
        ")?(denied|prohibited|refused|rejected|forbidden|restricted|disallowed)",
        client_response),
    OWN("relay(ing)? (is |was )?not (permitted|allowed|authorized|supported|possible|enabled)",
        client_response),
    OWN("(unable|not permitted|not allowed|not authorized|not configured|permission|attempt~) to relay",
        client_response),
    OWN("(does not|do not|don't|won't|cannot|can't|will not|no longer) relay", client_response),
    OWN("(no relay(ing)?|open relay|as a relay|relaying (mail|to|for|through)|mail relay|relay "
        "through|rcpthosts)",
        client_response),
    OWN("(handle mail for|not a gateway|not local host|specified domain is not allowed)", client_response),
};

/* What names two causes at once. */
static const struct answer_rule doubt[] = {
    SHUT("account or domain may not exist"),
};

/* The fame of our addresses: complaints of other people, lists that we are on. */
static const struct answer_rule fame[] = {
    OURS("(blacklist~|blocklist~|denylist~|black list|block "
         "list|black-list~|dnsbl|dnsrbl|rbl|reputation|sender score|senderscore)"),
    OURS("(blocked|listed|rejected|denied|refused|found) (by|using|at|in|on|via|because of|from) (a |the "
         ")?(list )?%"),
    OURS("(client host|client|remote host|connecting host) ([*] )?(is |was |has been "
         ")?(rejected|blocked|banned|denied|listed)"),
    OURS("client host (rejected|blocked|not)"),
    OURS("banned (sending )?(ip|sender|host|address)"),
    OURS("(your|sending|source|sender's|sender|originating|connecting|this|the|from) (access "
         ")?(ip|ips|network|host|server|mail server|mta|subnet) * "
         "(blocked|rejected|refused|denied|listed|banned|not allowed|forbidden|suspicious|abusive|low|poor)"),
    OURS(
        "ip(v6)?( address)? * (is|was|has been) (blocked|rejected|refused|denied|listed|banned|not allowed)"),
    OURS("(blocked|rejected|refused|denied|banned|forbidden) (by |for |from |because "
         ")?(your|sending|sender|source|the (sending|sender|source)) (ip|network|host|server)"),
    OURS("(bad|suspected spam|spam|invalid|dynamic|dialup|dial-up|residential) (sender )?(ip|ips|host(s)?)"),
    OURS("(due to|because of) * complaints"),
    OURS("messages from * (weren't sent|temporarily deferred|permanently deferred)"),
    OURS("(too many|too much) (spam~|unwanted|complaints)"),
    OURS("(abuse detected|abus detecte|blocked for abuse|extreme bad|go away|host network|network not "
         "allowed|open proxy)"),
    OURS("you are (sending spam|not allowed to connect|blocked|not welcome)"),
    OURS("(not accept~|not currently accepting|refus~|reject~|no) (mail|email|messages|connection(s)?) from "
         "(your|this|the) (ip|host|server|network|isp|address)"),
    OURS("not currently accepting mail from your"),
    OURS("(ip not in whitelist|(accepted|allowed) from this ip|send (email|e-mail|mail) directly|dynamically "
         "assigned|ip in prison)"),
    OURS("(currently sending spam|no access from|smtp server of your isp|access to (submit|send) "
         "(messages|mail) to)"),
    OURS("looks (suspiciously )?like (a )?spammer"),
    OURS("(see|at|visit|query|lookup|list|refer|by|from)( to| at)?(:)? %"),
    OURS("(ipbl#|aup#(i|bl)|cxbl|cdrbl|cxdns|cxsndr)"),
    OURS(
        "(spamhaus|spamcop|barracuda reputation|uceprotect|cloudmark|invaluement|block listed|block-listed)"),
    OURS("#.#.#.#(])? (is |was |has been )?(blocked|listed|rejected|refused|denied|banned)"),
};

/* How fast we are. */
static const struct answer_rule rate[] = {
    RATE("(rate|connection|concurrency|session|sending|frequency|volume|recipient) (rate "
         ")?(limit~|exceeded|is limited)",
         ACCOUNT),
    RATE("(frequency|rate) (of|is|has|was) * limited", ACCOUNT),
    RATE("too many (concurrent |simultaneous |open |recent |smtp |outgoing |tcp "
         ")?(connection~|session~|messages|mails|emails|e-mails|recipients|errors|sends|requests|attempts|"
         "deliveries|rcpt~|connexions)",
         ACCOUNT),
    RATE("(trop de connexions|throttl~|slow~ down|again slower|too fast|too quickly|too frequent~|unusual "
         "rate|unusually high|rate that)",
         ACCOUNT),
    RATE("(exceed~|over|reached) (the |your |its )?(max |maximum |allowed )?(concurrent |hourly |daily "
         "|number of |message |connection |sending )?(rate|connection(s)?|limit of messages|messages "
         "per|volume|threshold|throughput)",
         ACCOUNT),
    RATE("(too much mail (from|for)|thread limit|excessive volume|(concurrent|simultaneous) (server |smtp "
         ")?connections)",
         ACCOUNT),
    RATE("(unexpected volume|message threshold|sending too|max connection(s)?)", ACCOUNT),
};

/* A full box. A full machine is no full box, but ends the same way. */
static const struct answer_rule full[] = {
    FULL("over(-| )?quota"),
    FULL("exceed~ * quota"),
    FULL("quota (limit |size |has been |is |was |would be "
         ")?(exceed~|full|reached|used|violation|exhausted|over)"),
    FULL("(over|above|beyond|reached|out of|at) (the |its |his |their |her |your |my )?(mailbox |disk "
         "|storage |maximum |allowed |account |recipient )?(quota|storage|mailbox size|mailbox limit|size "
         "quota)"),
    FULL("(mailbox|mail box|inbox|maildir|mailfolder|mail folder|message "
         "store|mailstore|folder|box|account|user|storage|recipient|spool|mail file)( @)?(:)? (is |seems "
         "|appears |seems to be |appears to be |has |was )?(now |currently |almost |already |too |over "
         ")?(full|overfull|overquota|out of space)"),
    FULL("(mailbox|mail box|inbox|folder|account|user|recipient|storage) * is (currently |now |over)?full"),
    FULL("full (mailbox|inbox|mail box)"),
    FULL("(mailbox|mail box|inbox|account|box|storage|message store|maildir|disk)( @)? (size |storage |space "
         "|quota |message )?(limit (exceed~|reached)|has exceeded|exceeds|exceeded|would exceed|is "
         "over|over)"),
    FULL("(no space left|out of space|not sufficient disk space|disk quota|disk (is )?full|space has been "
         "used up|too much mail data|exceeding receiving limits)"),
    FULL("(insufficient|not enough|no|lack of) (disk |mailbox |storage |free |quota )?(space|storage)"),
    FULL("(storage (limit|allocation|quota|exceeded)|exceeded storage|maximum storage|too many messages "
         "(on|in))"),
    FULL("(boite * pleine|postfach * voll|casella * piena|buzon * lleno|ist voll|skrzynka * pelna)"),
    FULL("メールボックス*(いっぱい|満杯|容量)"),
};

/* The message itself: its size, its form. */
static const struct answer_rule form[] = {
    FORM("(message|mail|email|e-mail|attachment|data|body|content|header|line)( size| length)? (is |are |was "
         ")?(too (large|big|long)|larger than|size (exceeds|limit|too)|exceeds|exceeded)"),
    FORM("(message|mail|email|e-mail) * (exceeds|exceeded|too large|too big) * (size|limit|maximum)?"),
    FORM("(maximum|fixed|max) (message |mail |allowed )?size"),
    FORM("(size|length) (limit )?exceed~"),
    FORM("(recipsizelimit|sendsizelimit|message length|size restriction~|message size)"),
    FORM("(not |non-|non )(rfc|compliant|conformant)( #)?"),
    FORM("(multiple|duplicate|duplicated|missing|invalid|malformed|bad|illegal|more than one) "
         "(from|subject|date|message-id|header~|mime|character~|encoding|rfc|dkim-signature)"),
    FORM("(bare (lf|cr|linefeed|line feed|newline)|8bit|8-bit|smtputf8|non-ascii|mime "
         "(error|boundary|depth)|header error|improperly-formatted|message format|address syntax|header are "
         "not|mailsize|taille limite|line length|invalid message|malformed message)"),
};

/* An address that shall come back. Nobody is dead who is only away. */
static const struct answer_rule resting[] = {
    REST("(temporarily|temporary|currently|temporarly) * "
         "(disabled|inactive|suspended|locked|unavailable|blocked|deactivated|over|rejected|not "
         "available|frozen)"),
    REST("(disabled|inactive|suspended|locked|unavailable|blocked|deactivated|closed) (temporarily|for "
         "now|at this time|at the moment)"),
};

/* Names that could not be looked up now. */
static const struct answer_rule domain_later[] = {
    LOOKUP("(servfail|server failure|server misbehaving|lookup did not complete|host not found, try "
           "again|lookup time(d )?out|no answer from * nameserver)"),
    LOOKUP("(dns|name server|nameserver|resolver|resolve|resolving|lookup|looking up|resolution) * "
           "(temporar~|timeout|timed out|time-out|servfail|try again|misbehaving|soft error)"),
    LOOKUP("(temporar~|transient|timeout|timed out) * (dns|lookup|resolution|resolving|name server|mx)"),
    LOOKUP("(malformed|unexpected) * name server"),
    LOOKUP("(name|dns|mx) lookup (failure|failed)"),
};

/* The recipient's domain: not there, or takes no mail. Routes that lead nowhere. */
static const struct answer_rule domain[] = {
    DOMAIN("(host|hostname|host or domain name|domain name|domain|mail domain)( .| @)?(:)? (is |was |has "
           "|does |did |could |may |can )?((not|cannot) (be |been "
           ")?(found|exist|exists|resolve|resolved|valid|known)|unknown|invalid|nonexistent)"),
    DOMAIN("(domain|hostname|domain name) * (is )?unknown"),
    DOMAIN(
        "(domain (name )?must exist|dns records * could not be found|loop was found|mail exchanger * loop)"),
    DOMAIN("(domain|hostname|domain name) * (not found|doesn't exist|does not exist|not exist|no "
           "such|doesn't resolve|does not resolve|isn't valid|is not valid)"),
    DOMAIN("(unknown|no such|invalid|non-existent|nonexistent|bad|dead|unresolvable) (host|domain|mail "
           "domain|destination (host|system)|hostname)"),
    DOMAIN("(nxdomain|null( )?mx|name service error|name or service not known|no such host|bad destination "
           "host)"),
    DOMAIN("(no|find|resolve|lookup|looking up|get|zero) (valid |usable |the )?(mx|mx record~|mx info|a "
           "record(s)?|mail exchang~|mail server|address record(s)?|host|hosts|dns record~)( or a| for| "
           "found| in| to| exist~)?"),
    DOMAIN("(does not|doesn't|do not) accept (any )?(e-mail|email|mail)"),
    DOMAIN("(unable|failed|cannot|could not) (to )?(resolve|route|find route|look up|lookup)"),
    DOMAIN("(unrouteable|unroutable) mail domain"),
    DOMAIN("(no route for|mx record~|dns (error|failure|lookup|name|server|query|mx)|mail receiving "
           "disabled|domain is not reachable|all relevant mx)"),
    DOMAIN("(too many hops|hop count|mail loop|loop(s)? "
           "back|looping|(routing|forwarding|forward|aliasing|delivery|message|mail) loop|loop detected|loop "
           "count|redirect loop)"),
    DOMAIN("(local configuration error|system config error|misconfigured|configuration error)"),
    DOMAIN("ドメイン*(存在し|見つかり)"),
};

/* Nobody has the address. */
static const struct answer_rule gone[] = {
    GONE("(user|recipient|mailbox|mail "
         "box|account|address|addressee|alias|e-mail|email|inbox|customer|username|mail "
         "drop|local-part|local part|userid)( address| account| name)?(:)?( @)?(:|...)? (is |was |are |has "
         "|does |could |can )?(an )?(unknown|not (be "
         ")?(known|found|exist|recognized|recognised|listed|present|registered)|unrecognized|nonexistent|non-"
         "existent)"),
    GONE("(user|recipient|mailbox|mail "
         "box|account|address|addressee|alias|e-mail|email|inbox|customer|username|rcpt|userid|email account "
         "that you tried to reach) * (not found|does not exist|doesn't exist|not exist|didn't exist|no "
         "longer exists|wasn't found|was not found|isn't found|couldn't be found|could not be found|cannot "
         "be found|not listed in)"),
    GONE("(user|recipient|mailbox|account|address|addressee) * unknown$"),
    GONE("(user|recipient|mailbox|account|address|addressee) * unknown(.|,|;|!| in | at | here| on )"),
    GONE("(addresses|recipients|users|mailboxes) (were|are) (unknown|invalid|not found)"),
    GONE("@ (is |was )?(not found|unknown|does not exist|doesn't exist)"),
    GONE("(unknown|unrecognized|undefined) (user|recipient|mailbox|mail "
         "box|address|account|addressee|local-part|local part|email|e-mail|alias|or illegal alias|or illegal "
         "user|or invalid|customer|destination address|login|virtual)"),
    GONE("(no such|there is no) (user|recipient|mailbox|mail box|address|account|person|customer|alias|local "
         "user|mail drop|maildrop|email|e-mail|virtual user|one|local recipient)"),
    GONE("no (mailbox|mail box|account|user|one|recipient|person|mailboxes) * (here|by that name|with "
         "(that|this)|found|at this address|available for this|matching)"),
    GONE("(not|isn't) (a |an )?(valid|known|local|registered|existing|active|real|recognized) "
         "(user|mailbox|recipient|address|account|e-mail|email|customer)"),
    GONE("(not our customer|not a known user|not known at this|not in (my|our|the) (validrcptto|list of "
         "(valid|local)|user list|directory|name directory)|not listed in|not email addresses|not (a )?user "
         "of this|(don't|doesn't|not) exists)"),
    GONE("(doesn't|does not|don't) have (a|an|any) * (account|mailbox)"),
    GONE("(has no mailbox|has no such|no longer (valid|exists|active|available|in use|works "
         "here|employed|with us|a member|an active))"),
    GONE("(address|account|mailbox|user|email|e-mail) * no longer "
         "(accept~|valid|exist(s)?|active|available|in use|used|with|receiv~)"),
    GONE("(invalid|bad|illegal|incorrect|wrong|nonexistent|non-existent|non existent|not a valid) "
         "(recipient~|user|mailbox|destination mailbox|account|local part|email address|e-mail "
         "address|virtual user|or unknown|rcpt)"),
    GONE("(bad address|address (is )?invalid|invalid "
         "address|invalid-recipient|userunknown|user_unknown|recipientnotfound|recipient "
         "notfound|recipnotfound|exrecipnotfound|badrcptto|no_such_user|mailbox invalid)"),
    GONE("(not found by smtp address lookup|in name directory|cuda_nsu)"),
    GONE("(bewegt|unbekannt~|empfaenger * existiert nicht|adresse nicht gefunden|kein "
         "(postfach|benutzer)|utilisateur inconnu|destinataire~ (inconnu|invalide)|adresse * "
         "(invalide|inconnue)|compte inconnu)"),
    GONE("(usuario * (desconocido|no existe)|no existe|destinatario * "
         "(sconosciuto|desconocido|inesistente|inexistente)|utente * (sconosciuto|inesistente)|indirizzo "
         "inesistente|nie istnieje|nie ma takiego|nessun utente)"),
    GONE("(宛先*(見つかり|不明|存在し)|ユーザー*存在し|メールアドレス*(存在し|見つかり)|该用户不存在|"
         "收件人不存在|用户不存在)"),
};

/* Somebody had it. */
static const struct answer_rule dead[] = {
    GONE("(account|mailbox|mail box|user|recipient|inbox|email address|e-mail address|account that you tried "
         "to reach) * (is|has been|was|been|or) "
         "(disabled|inactive|deactivated|terminated|discontinued|deleted|cancelled|canceled|retired|not "
         "active|deactive)"),
    GONE("(account|mailbox) (@ )?(is|has been|was) (closed|removed|expired)"),
    GONE("(account|mailbox|mail box|user|recipient|inbox)( @)?(:)? (is "
         ")?(disabled|inactive|deactivated|terminated|closed|discontinued|deleted|cancelled|canceled|not "
         "active|expired|moved)"),
    GONE("(disabled|inactive|deactivated|dormant|closed|deleted|terminated|discontinued|expired|invalid/"
         "inactive) (account|mailbox|user|recipient|address|email|e-mail|inbox)"),
    GONE("(due to inactivity|has moved|been replaced by|mailbox owner has changed|address has been "
         "changed|left the company|no longer work~|no longer employed)"),
    GONE("(compte * (inactif|ferme|cloture|desactive)|konto * (gesperrt|deaktiviert|geschlossen))"),
};

/* The address takes no mail, and why is not said, or may pass. */
static const struct answer_rule shut[] = {
    SHUT("(account|mailbox|mail box|user|recipient|domain) * (suspend~|frozen|locked|archived|on "
         "hold|unavailable|unavaiable|not available|not accepting)"),
    SHUT("(suspended|frozen|locked|archived) (account|mailbox|user|recipient)"),
    SHUT("mailbox (unavailable|unavaiable|not available)"),
    SHUT("(recipient|destination|rcpt|to) (address )?(rejected|refused|denied|not ok|not accepted|is not "
         "accepted|not local)"),
    SHUT("(address|addresses|recipient~|envelope recipient) * (rejected|was undeliverable|has been "
         "denied|failed)"),
    SHUT("(unrouteable|unroutable|undeliverable|unverified) address"),
    SHUT("(user not local|not a local address|archivee|no valid recipients|cannot accept user|can't accept "
         "user|recipient error|bad destination mailbox|rejected recipients|account (is "
         ")?(blocked|isblocked)|compte * bloque|mailbox cannot be accessed|badrecipientto|missing home "
         "directory|unavailable mail user|(recipient|address|mailbox|user) (cannot|could not|can't) be "
         "verified)"),
    SHUT("(recipient|address|user|mailbox) (name )?(is )?not (local|allowed)"),
};

/* The recipient, or a list, takes no mail from us. */
static const struct answer_rule refused[] = {
    BLOCK("(blocked|refused|rejected|denied) by (the |its )?(recipient~|user|addressee|customer|owner)",
          RECIPIENT),
    BLOCK("(recipient|user|addressee|recipient id|customer)('s)? "
          "(preference(s)?|refuse|refuses|reject|rejects|only|rule(s)?|settings|is only|is not "
          "accepting|does not want|doesn't want|has blocked|has restricted|policy)",
          RECIPIENT),
    BLOCK("(user rules|not accepting (any )?(mail|messages)|is only accepting|account is protected|message "
          "filtered|restrictedtorecipientspermission|notauthorized|authrequired|not authorized)",
          RECIPIENT),
    BLOCK("(members( |-)only|not (allowed|permitted|authorized) to post|(not "
          "a|non-|non)member|moderat~|closed (mailing )?list|not subscribed|not on the list|isn't on the "
          "recipient's list|not pre-approved|posting)",
          RECIPIENT),
    BLOCK("(your message (can't|couldn't) be delivered because|doesn't have permission|permission to "
          "(send|post))",
          RECIPIENT),
};

/* What the message says. */
static const struct answer_rule content[] = {
    BLOCK("(spam~|dt:spm)", MESSAGE),
    BLOCK("(virus~|malware|phish~|infected|trojan|worm|unsolicited|bulk (mail|e-mail|email)|mass "
          "mail~|junk|advertis~)",
          MESSAGE),
    BLOCK("(content (is |was |has been |filter |analysis "
          ")?(reject~|denied|block~|filter~|not|prohibited|refused|unacceptable)|rejecting (mail "
          "content|banned content)|prohibited|forbidden)",
          MESSAGE),
    BLOCK("(uribl|surbl|urlbl~|blacklisted url|banned url|suspicious|unacceptable "
          "content|attachment~|executable)",
          MESSAGE),
    BLOCK("(policy|policies|violation|organizational settings|security reasons|administrat~ prohibit~|not "
          "accepted for|mail score|recurrent pattern|captcha)",
          MESSAGE),
};

/* Tried for long. */
static const struct answer_rule expired[] = {
    LATER("(message|delivery|queue|mail|time|period|connection|session) (has |had |was )?(expir~|too "
          "old|timed out)"),
    LATER("(queue(d)? too long|queue.expired|in the queue too long|retry (time|timeout) * "
          "(exceeded|reached)|retries exceeded|giving up|too many (retries|delivery attempts)|long failure "
          "period|exceeded * (time|retries|attempts)|max(imum)? (time|retry|queue))"),
    LATER("(could not|cannot|can not|not|unable to) (be )?(deliver~|sent|reachable) * (for|within|after) * "
          "(day|hour|time|period|attempt|retr)~"),
    LATER("(failing for a long time|numerous attempts|multiple (failures|retries)|not been collected)"),
};

/* The recipient's server could not be reached, or went away. */
static const struct answer_rule unreached[] = {
    LATER(
        "(connect|connection|connecting|conversation|session|socket|network) * (time(d)? "
        "?out|time-out|refused|reset|closed|lost|dropped|fail~|aborted|terminated|error|unreachable|broken)"),
    LATER("(tlsa-invalid|dnssec-invalid|starttls-not-supported|certificate~|mta-sts|dane validation)"),
    LATER("(lost|dropped|refused|reset|failed|bad|no|closed) (the )?(connection|connect)"),
    LATER("(timed out|timeout|time-out|time out|no route to host|network unreachable|host unreachable|is "
          "unreachable|host is unreachable|broken pipe|unexpected eof|eof|socket error)"),
    LATER("(could not|cannot|can't|unable to|failed to|error) (be )?(connect~|reach~|contact~|dial~|talk)"),
    LATER("(no answer from|did not respond|not responding|no response|dial tcp|no server~|could be "
          "reached|remote (host|server) * (down|closed|unavailable)|server (is )?(down|unavailable)|refused "
          "to talk)"),
};

/* What passes. */
static const struct answer_rule passing[] = {
    LATER("(gr(e|a)y( |-)?list~|try (it )?(again )?later|try again (in|after|soon|shortly)|retry "
          "(later|in|after|again)|please (retry|try again)|later|temporar~|transient)"),
    LATER("(service|server|system|system resources|resources) (is )?(currently |temporarily "
          ")?(unavailable|not available|busy|overload~|too busy|load|shutting|under maintenance)"),
    LATER("(too busy|busy|overload~|load too|high load|load average|shutting down|closing (transmission "
          ")?channel|maintenance|resources|internal (server )?error|internal~ error|local "
          "(error|problem)|error in processing|deferred|mail system full|system (is )?full|insufficient "
          "system|i/o error|write error|read error|mailbox (is )?(busy|locked)|out of memory)"),
    LATER("(system call|not accepting (connections|network messages))"),
};

/* Refusals that name no reason. */
static const struct answer_rule vague[] = {
    BLOCK("(block~|refus~|reject~|denied|deny|not accept~|unaccept~|disallow~|not allowed|not permitted|not "
          "authorized|unauthorized|restrict~|filter~|abuse|dropped)",
          MESSAGE),
};

#define TABLE(rules, topic)                                                                                  \
    {                                                                                                        \
        rules, sizeof(rules) / sizeof((rules)[0]), MAIL_TOPIC_##topic                                        \
    }
static const struct mail_table {
    const struct answer_rule *rules;
    size_t count;
    enum mail_topic topic;
} tables[] = {
    TABLE(unknown_sent, OTHER), TABLE(crowd, OTHER),   TABLE(verdict, OTHER), TABLE(identity, OWN),
    TABLE(sender, SENDER),      TABLE(own, OWN),       TABLE(doubt, OTHER),   TABLE(fame, OTHER),
    TABLE(rate, OTHER),         TABLE(full, OTHER),    TABLE(form, OTHER),    TABLE(resting, OTHER),
    TABLE(domain_later, OTHER), TABLE(domain, OTHER),  TABLE(gone, UNKNOWN),  TABLE(dead, OTHER),
    TABLE(refused, OTHER),      TABLE(content, OTHER), TABLE(shut, OTHER),    TABLE(expired, OTHER),
    TABLE(unreached, OTHER),    TABLE(passing, OTHER), TABLE(vague, OTHER),
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

const struct answer_rule *receipt_mail_rule(struct span plain, enum mail_topic *ret_topic)
{
    for (size_t i = 0; i < TABLES; i++) {
        const struct answer_rule *rule = answer_text_rule(tables[i].rules, tables[i].count, plain);
        if (rule) {
            *ret_topic = tables[i].topic;
            return rule;
        }
    }
    return NULL;
}

bool receipt_mail_rules_ok(void)
{
    for (size_t i = 0; i < TABLES; i++)
        for (size_t j = 0; j < tables[i].count; j++)
            if (!answer_text_pattern_ok(tables[i].rules[j].pattern))
                return false;
    return true;
}
