// A hostile address written so that no program turns it into a link.

/** `http://evil.example/a` → `hxxp://evil[.]example/a`; dots are broken in the host only. */
export function defanged(value: string): string {
  const [, scheme = "", host = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)(.*)$/is.exec(value) ?? [];
  const safe_scheme = scheme.replace(/^http/i, "hxxp").replace(/^ftp/i, "fxp");
  return safe_scheme + host.replaceAll(".", "[.]").replace("@", "[@]") + rest;
}
