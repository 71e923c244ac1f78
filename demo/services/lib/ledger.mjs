// What a service remembers: the requests it got, the messages it took, and how often a magic recipient has failed.

const REQUESTS = 5_000; // the log is for people and small tests; what was taken is counted without a cap on time
const KEPT_MESSAGES = 50_000; // content is kept for so many, all others are only counted
const RECIPIENTS = 2_000_000; // twice the largest job that is measured

// The last requests, oldest first: an array that forgets.
export class Log extends Array {
    static get [Symbol.species]() {
        return Array;
    }
    add(entry) {
        this.push(entry);
        if (this.length > REQUESTS) this.splice(0, REQUESTS / 10);
    }
}

/* The messages that a service took: a person gets each of them. */
export class Taken {
    #times = new Map();
    #messages = [];
    total = 0;

    add(who, message) {
        this.total++;
        if (this.#times.has(who) || this.#times.size < RECIPIENTS) this.#times.set(who, (this.#times.get(who) ?? 0) + 1);
        if (this.#messages.length < KEPT_MESSAGES) this.#messages.push({ who, ...message });
    }
    // How often this recipient got a message.
    times(who) {
        return this.#times.get(who) ?? 0;
    }
    // The messages of one recipient, or of all, in the order they were taken.
    of(who) {
        return this.#messages.filter(message => message.who === who);
    }
    get messages() {
        return this.#messages;
    }
    get recipients() {
        return [...this.#times.keys()];
    }
    // Who got more than one.
    get repeated() {
        return [...this.#times].filter(([, times]) => times > 1).map(([who]) => who);
    }
    clear() {
        this.#times.clear();
        this.#messages = [];
        this.total = 0;
    }
    toJSON() {
        return { total: this.total, repeated: this.repeated, times: Object.fromEntries([...this.#times].slice(0, 10_000)) };
    }
}

/* Counts the failures of magic recipients: one that fails N times works from then on. */
export class Attempts {
    #seen = new Map();

    // Whether recipient `who` fails this time too; times: 0 means always.
    fails(who, times) {
        if (!times) return true;
        const before = this.#seen.get(who) ?? 0;
        if (before < times) this.#seen.set(who, before + 1);
        return before < times;
    }
    clear() {
        this.#seen.clear();
    }
}

/* At most `limit` in each second of the clock (0: no limit); what is over the limit is refused, not delayed. */
export class Rate {
    #second = 0;
    #used = 0;

    constructor(limit, now = Date.now) {
        this.limit = limit;
        this.now = now;
    }
    // Takes `n`; false if the second has no room for them.
    take(n = 1) {
        const second = Math.floor(this.now() / 1000);
        if (second !== this.#second) [this.#second, this.#used] = [second, 0];
        if (this.limit && this.#used + n > this.limit) return false;
        this.#used += n;
        return true;
    }
    get left() {
        return this.limit ? Math.max(0, this.limit - this.#used) : undefined;
    }
    // When the next second begins, in seconds since 1970.
    get reset() {
        return Math.floor(this.now() / 1000) + 1;
    }
}
