// Who is signed in. Undefined while the centre is asked, null when nobody is.
import { forgetAll } from "../api/kept";
import { get, onSignedOut, post, Refusal, remove, setCsrf } from "../api/client";
import type { Me, Role } from "../api/model";

let me = $state.raw<Me | null | undefined>(undefined);
/** The session ended under the reader's hands: the sign-in page says so. */
let ended = $state(false);
let trouble = $state.raw<Refusal | undefined>();

function take(next: Me | null): void {
  setCsrf(next?.csrf ?? "");
  if (next === null || next.user.id !== me?.user.id) forgetAll();
  me = next;
}

export const session = {
  get me(): Me | null | undefined {
    return me;
  },
  get ended(): boolean {
    return ended;
  },
  get trouble(): Refusal | undefined {
    return trouble;
  },
  async begin(): Promise<void> {
    onSignedOut(() => {
      if (me) ended = true;
      take(null);
    });
    try {
      take(await get<Me>("/session"));
      trouble = undefined;
    } catch (error) {
      if (error instanceof Refusal && error.problem === "signed_out") take(null);
      else trouble = error instanceof Refusal ? error : new Refusal("network", 0, "network", String(error));
    }
  },
  async signIn(login: string, password: string, code: string): Promise<void> {
    take(await post<Me>("/session", code ? { login, password, code } : { login, password }));
    ended = false;
  },
  async firstSignIn(token: string, password: string, code: string): Promise<void> {
    take(await post<Me>(`/first-sign-in/${encodeURIComponent(token)}`, code ? { password, code } : { password }));
    ended = false;
  },
  async signOut(): Promise<void> {
    try {
      await remove("/session");
    } finally {
      ended = false;
      take(null);
    }
  },
};

/** Whether nothing but the own account opens until a second factor is set up. */
export function isHeld(me: Me | null | undefined): boolean {
  return !!me?.second_factor.required && !me.second_factor.since_at;
}

/** Whether the person may judge stories. */
export function mayTriage(role: Role | undefined): boolean {
  return role === "administrator" || role === "analyst";
}

/** Whether the person may answer a finding, for a hospital or as one. */
export function mayAnswer(role: Role | undefined): boolean {
  return role === "administrator" || role === "analyst" || role === "hospital";
}
