# Written by provision. Read by provision-watch, provision-probe, provision-visitors and provision-updates: what they have reported, kept
# where a full disk does not lose it. A list has one line for each thing that is wrong: a key, which stays the same while it is the same
# thing, a tab, and words.
disk=${PROVISION_WATCH:-/var/lib/provision/watch}
ram=${PROVISION_RUN:-/run/provision}/watch
tab=$(printf '\t')

# One thing that is wrong. The words hold no address, subject or secret: a key, and what to read on the host.
say() { printf '%s\t%s\n' "$1" "$2"; }

# prepare: the folders. Without the one in memory nothing can be kept; without the one on the disk it is kept until the next boot.
prepare() {
  umask 077
  mkdir -p -- "$ram" || return 1
  mkdir -p -- "$disk" 2>/dev/null || :
}

# recall NAME: prints what was kept under this name; after a boot, what the disk has. Fails when it is there and cannot be read.
recall() {
  if [ -e "$ram/$1" ]; then cat -- "$ram/$1"
  elif [ -e "$disk/$1" ]; then cat -- "$disk/$1"; fi
}

# keep NAME: keeps stdin. What is on the disk is replaced by a whole file or not at all.
keep() {
  cat > "$ram/$1.new" && mv -T -- "$ram/$1.new" "$ram/$1" || return 1
  cmp -s -- "$ram/$1" "$disk/$1" ||
    { cp -- "$ram/$1" "$disk/$1.new" && mv -T -- "$disk/$1.new" "$disk/$1"; } 2>/dev/null ||
    rm -f -- "$disk/$1.new" 2>/dev/null
  return 0
}

# report NAME: stdin is a list; reports what is new in it and what is gone since the list that was kept under this name, and keeps it.
# Fails when nobody could be told: the list of before stays, and the same is reported the next time.
report() {
  sort -u -t "$tab" -k 1,1 > "$ram/$1.now" || return 1
  recall "$1" > "$ram/$1.was" || return 1
  sort -u -t "$tab" -k 1,1 -o "$ram/$1.was" "$ram/$1.was" || return 1
  new=$(join -t "$tab" -v 1 "$ram/$1.now" "$ram/$1.was" | cut -f 2-)
  gone=$(join -t "$tab" -v 2 "$ram/$1.now" "$ram/$1.was" | cut -f 2-)
  if [ -n "$new$gone" ]; then
    count=$(printf '%s\n' "$new" | grep -c .)
    case $count in
      0) if [ -s "$ram/$1.now" ]; then title='some of what was reported is over'; else title='all that was reported is over'; fi ;;
      1) title=$new ;;
      *) title="$count things are wrong" ;;
    esac
    text=$(
      [ -z "$new" ] || printf '%s\n' "$new"
      [ -z "$gone" ] || printf '%s\n' "$gone" | sed 's/^/over: /'
    )
    provision-notify -p "$([ -n "$new" ] && printf high || printf default)" "$title" "$text" || return 1
  fi
  keep "$1" < "$ram/$1.now" || return 1
  rm -f -- "$ram/$1.now" "$ram/$1.was"
}
