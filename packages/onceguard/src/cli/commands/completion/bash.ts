import { type CommandNode, walk } from "../../command-tree.ts";
import { argumentValues, caseLines, optionValues, pathsOf, quoted } from "./tables.ts";

/** Needs nothing but bash, from 3.2 on. With bash-completion, what follows `--` is completed as a command of its own. */
export function bashCompletion(root: CommandNode): string {
  const options = walk(root).map(({ path, options }) => ({ key: path, value: options.flatMap(({ names }) => names) }));
  const commands = walk(root)
    .filter((node) => node.commands.length > 0)
    .map(({ path, commands }) => ({ key: `${path} 0`, value: commands.map(({ name }) => name) }));
  return `# bash completion of ${root.name}: source <(${root.name} completion bash)

# The options of a command.
_onceguard_options() {
  case $1 in
${caseLines(options, "    ").join("\n")}
  esac
}

# What the value of an option is; nothing for an option without one.
_onceguard_value() {
  case $1 in
${caseLines(optionValues(root), "    ").join("\n")}
    *) REPLY= ;;
  esac
}

# What the n-th word behind a command is.
_onceguard_argument() {
  case $1 in
${caseLines([...commands, ...argumentValues(root)], "    ").join("\n")}
    *) REPLY= ;;
  esac
}

_onceguard_offer() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}

_onceguard_files() {
  compopt -o filenames 2>/dev/null # not in bash 3
  _onceguard_offer < <(compgen "$1" -- "$2")
}

# What follows --: a command of its own.
_onceguard_command() {
  if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then _command_offset "$1"
  elif (( COMP_CWORD == $1 )); then _onceguard_files -c "$2"
  else _onceguard_files -f "$2"
  fi
}

_onceguard() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at=${quoted(root.path)} option= word REPLY=
  local -i n given=0
  COMPREPLY=()
  [[ $cur == '=' ]] && cur=
  for (( n = 1; n < COMP_CWORD; n++ )); do
    word=\${COMP_WORDS[n]}
    if [[ $word == '=' ]]; then continue # --tier=x is three words here
    elif [[ -n $option ]]; then option=
    elif [[ $word == -- ]]; then
      _onceguard_argument "$at 0"
      [[ $REPLY == :command ]] && _onceguard_command $(( n + 1 )) "$cur"
      return
    elif [[ $word == -* ]]; then
      _onceguard_value "$at $word"
      [[ -n $REPLY ]] && option=$word
    else
      case "$at $word" in
        ${pathsOf(root).map(quoted).join(" | ")}) at="$at $word" given=0 ;;
        *) given+=1 ;;
      esac
    fi
  done
  if [[ -n $option ]]; then _onceguard_value "$at $option"
  elif [[ $cur == -* ]]; then _onceguard_options "$at"
  else _onceguard_argument "$at $given"
  fi
  case $REPLY in
    :file) _onceguard_files -f "$cur" ;;
    :folder) _onceguard_files -d "$cur" ;;
    :command) [[ -z $cur ]] && COMPREPLY=(--) ;;
    :* | '') ;;
    *) _onceguard_offer < <(compgen -W "$REPLY" -- "$cur") ;;
  esac
}

complete -F _onceguard ${root.name}`;
}
