# Sourced by ./run and ./test: installs what is missing on Debian 12/13 or Ubuntu 24.04, then builds. Needs git, curl and
# root or sudo. Everything that is already there is left alone, so a second call takes a moment.

RUST_MINOR_MIN=95
NODE_MAJOR_MIN=18
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export DEBIAN_FRONTEND=noninteractive

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
die() { printf '✗ %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -E "$@"
  else die "Packages are missing and there is neither root nor sudo. Run as root: $*"; fi
}

# apt_for COMMAND PACKAGE...: the packages, unless the command is there.
apt_for() {
  local command=$1; shift
  command -v "$command" >/dev/null && return
  missing_packages+=("$@")
}

install_missing() {
  [ ${#missing_packages[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "This script installs with apt. Install by hand: ${missing_packages[*]}"
  say "Installing ${missing_packages[*]}"
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "${missing_packages[@]}" >/dev/null
  missing_packages=()
}

# PostgreSQL's server for tests, without a cluster of its own that would run beside them.
want_postgres() {
  [ -e /etc/postgresql-common/createcluster.conf ] || as_root sh -c \
    'mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf'
  missing_packages+=(postgresql)
}

ensure_rust() {
  local minor
  minor=$(rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
  [ -n "$minor" ] && [ "$minor" -ge "$RUST_MINOR_MIN" ] && return
  if command -v rustup >/dev/null; then
    say "Rust is older than 1.$RUST_MINOR_MIN: updating it with rustup"
    rustup update stable
  else
    say "Installing Rust with rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt
  fi
}

ensure_build_tools() {
  missing_packages=()
  apt_for cc build-essential
  apt_for curl curl ca-certificates
  local major
  major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
  if [ -z "$major" ] || [ "$major" -lt "$NODE_MAJOR_MIN" ]; then missing_packages+=(nodejs npm); else apt_for npm npm; fi
  install_missing
  ensure_rust
}

# The web pages, built again only when their sources changed; the centre's binary embeds them.
build_ui() {
  local stamp=ui/dist/.stamp now
  now=$(git ls-files -co --exclude-standard ui crates/centre/openapi.json | sort | { xargs -d '\n' sha256sum 2>/dev/null || true; } | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ] && return
  say "Building the web pages"
  if [ ! -d ui/node_modules ] || [ ui/package-lock.json -nt ui/node_modules/.package-lock.json ]; then
    npm --prefix ui ci --no-audit --no-fund --loglevel=error
  fi
  npm --prefix ui run --silent build
  printf '%s' "$now" > "$stamp"
}

build_programs() {
  say "Building the programs (the first time takes several minutes)"
  # The whole workspace, so that one set of features is built and the tests build nothing twice.
  cargo build --release --locked --workspace
}
