// A publisher's event is shown as it came, byte for byte: JSON.parse would round its large numbers. So we cut it out of the answer's text.

// The end (exclusive) of the value that begins at i.
function endOf(text: string, i: number): number {
    const first = text[i];
    if (first === '"') {
        for (let j = i + 1; j < text.length; j++) {
            if (text[j] === '\\') j++;
            else if (text[j] === '"') return j + 1;
        }
        return text.length;
    }
    if (first === '{' || first === '[') {
        let depth = 0;
        for (let j = i; j < text.length; j++) {
            const c = text[j];
            if (c === '"') j = endOf(text, j) - 1;
            else if (c === '{' || c === '[') depth++;
            else if ((c === '}' || c === ']') && --depth === 0) return j + 1;
        }
        return text.length;
    }
    let j = i;
    while (j < text.length && !',}] \t\r\n'.includes(text[j] as string)) j++;
    return j;
}

const skip = (text: string, i: number): number => {
    while (i < text.length && ' \t\r\n'.includes(text[i] as string)) i++;
    return i;
};

// The text of a member of the object that `text` is, or null.
export function rawMember(text: string, name: string): string | null {
    let i = skip(text, 0);
    if (text[i] !== '{') return null;
    for (i = skip(text, i + 1); text[i] === '"';) {
        const keyEnd = endOf(text, i), key = text.slice(i + 1, keyEnd - 1);
        i = skip(text, keyEnd);
        if (text[i] !== ':') return null;
        i = skip(text, i + 1);
        const end = endOf(text, i);
        if (key === name) return text.slice(i, end);
        i = skip(text, end);
        if (text[i] !== ',') return null;
        i = skip(text, i + 1);
    }
    return null;
}

// The same tokens on lines of their own.
export function indented(text: string): string {
    let out = '', depth = 0;
    const line = (): string => `\n${'  '.repeat(Math.min(depth, 40))}`;
    for (let i = skip(text, 0); i < text.length; i = skip(text, i)) {
        const c = text[i] as string;
        if (c === '{' || c === '[') {
            const next = skip(text, i + 1);
            if (text[next] === '}' || text[next] === ']') {
                out += c + text[next];
                i = next + 1;
                continue;
            }
            depth++;
            out += c + line();
            i++;
        } else if (c === '}' || c === ']') {
            depth = Math.max(0, depth - 1);
            out += line() + c;
            i++;
        } else if (c === ',') {
            out += c + line();
            i++;
        } else if (c === ':') {
            out += ': ';
            i++;
        } else {
            const end = Math.max(endOf(text, i), i + 1);
            out += text.slice(i, end);
            i = end;
        }
    }
    return out;
}
