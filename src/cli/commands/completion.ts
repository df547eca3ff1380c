/** @file `tagmask completion`: a script for the shell, to be sourced; writes no file of the user's. */
import { buildCommand, type Command } from '@stricli/core'
import { COMPLETE } from '../complete-word.ts'
import type { CliContext } from '../context.ts'

const BASH = `# tagmask completion bash: commands, flags, recipes and runs; file names where there are none
_tagmask() {
  mapfile -t COMPREPLY < <(tagmask ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _tagmask tagmask
`

const ZSH = `#compdef tagmask
# tagmask completion zsh: commands, flags, recipes and runs; file names where there are none
_tagmask() {
  local -a found
  found=("\${(@f)$(tagmask ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $found[1] ]]; then compadd -- $found; else _files; fi
}
compdef _tagmask tagmask
`

const SCRIPTS = { bash: BASH, zsh: ZSH }

export const completion: Command<CliContext> = buildCommand<
  Readonly<Record<never, never>>,
  [keyof typeof SCRIPTS],
  CliContext
>({
  docs: {
    brief: 'Completion of commands, flags, recipes and runs in bash or zsh',
    fullDescription: `Writes a script for the shell. For bash add the first line to ~/.bashrc, for zsh the second to ~/.zshrc, after compinit:
  eval "$(tagmask completion bash)"
  eval "$(tagmask completion zsh)"

Examples:
  tagmask completion bash`,
  },
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: shellOf,
          placeholder: 'SHELL',
          brief: 'bash or zsh',
          proposeCompletions: partial => Object.keys(SCRIPTS).filter(name => name.startsWith(partial)),
        },
      ],
    },
  },
  func(_, shell) {
    this.process.stdout.write(SCRIPTS[shell])
  },
})

function shellOf(name: string): keyof typeof SCRIPTS {
  if (name === 'bash' || name === 'zsh') return name
  throw new SyntaxError('expected bash or zsh')
}
