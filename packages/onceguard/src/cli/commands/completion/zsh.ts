import { type CommandNode, walk } from "../../command-tree.ts";
import { argumentValues, caseLines, optionValues, pathsOf, quoted } from "./tables.ts";

/** For a file `_onceguard` in `fpath`, or to be sourced behind compinit. */
export function zshCompletion(root: CommandNode): string {
  const listed = (key: string, entries: readonly (readonly [name: string, about: string])[]): string =>
    `    ${quoted(key)}) reply=(${entries.map(([name, about]) => quoted(`${name}:${about}`)).join(" ")}) ;;`;
  const options = walk(root).map(({ path, options }) =>
    listed(
      path,
      options.flatMap(({ names, description }) => names.map((name) => [name, description] as const)),
    ),
  );
  const commands = walk(root)
    .filter((node) => node.commands.length > 0)
    .map(({ path, commands }) =>
      listed(
        path,
        commands.map(({ name, summary }) => [name, summary] as const),
      ),
    );
  return `#compdef ${root.name}
# zsh completion of ${root.name}: source <(${root.name} completion zsh), behind compinit

# The options of a command.
_onceguard_options() {
  case $1 in
${options.join("\n")}
  esac
}

# The commands of a command.
_onceguard_commands() {
  reply=()
  case $1 in
${commands.join("\n")}
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
${caseLines(argumentValues(root), "    ").join("\n")}
    *) REPLY= ;;
  esac
}

_onceguard() {
  emulate -L zsh
  local at=${quoted(root.path)} option= word REPLY=
  local -a reply
  local -i n given=0
  for (( n = 2; n < CURRENT; n++ )); do
    word=$words[n]
    if [[ -n $option ]]; then option=
    elif [[ $word == -- ]]; then
      _onceguard_argument "$at 0"
      [[ $REPLY == :command ]] || return 1
      shift $n words
      (( CURRENT -= n ))
      _normal
      return
    elif [[ $word == -*=* ]]; then continue
    elif [[ $word == -* ]]; then
      _onceguard_value "$at $word"
      [[ -n $REPLY ]] && option=$word
    else
      case "$at $word" in
        ${pathsOf(root).map(quoted).join(" | ")}) at="$at $word"; given=0 ;;
        *) (( given += 1 )) ;;
      esac
    fi
  done
  if [[ -z $option && $PREFIX == --*=* ]]; then
    option=\${PREFIX%%=*}
    compset -P '*='
  fi
  if [[ -n $option ]]; then _onceguard_value "$at $option"
  elif [[ $PREFIX == -* ]]; then
    _onceguard_options $at
    _describe -o option reply
    return
  else
    _onceguard_commands $at
    if (( $#reply && given == 0 )); then
      _describe command reply
      return
    fi
    _onceguard_argument "$at $given"
  fi
  case $REPLY in
    :file) _files ;;
    :folder) _files -/ ;;
    :command) compadd -- -- ;;
    :* | '') return 1 ;;
    *) compadd -- \${=REPLY} ;;
  esac
}

if [[ $funcstack[1] == _onceguard ]]; then _onceguard "$@"; else compdef _onceguard ${root.name}; fi`;
}
