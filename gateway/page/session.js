// Who is signed in: the token, for this tab and no longer. It is sent in headers and messages, never in a URL.

const KEY = "numberline-token";

export class Session {
  constructor(token) {
    this.token = token;
    this.claims = claimsOf(token);
  }

  get user() {
    return this.claims.sub;
  }

  /** The session of this tab, or null. */
  static current() {
    const token = sessionStorage.getItem(KEY);
    try {
      const session = token && new Session(token);
      return session && session.claims.exp * 1000 > Date.now() ? session : null;
    } catch {
      return null;
    }
  }

  keep() {
    sessionStorage.setItem(KEY, this.token);
  }

  static end() {
    sessionStorage.removeItem(KEY);
  }
}

/** What a token says of itself; the gateway alone can tell whether it is true. */
function claimsOf(token) {
  const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const claims = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof claims.sub !== "string") throw new Error("a token without sub");
  return claims;
}
