"""Runs a peer of the benchmark, a step for each line on stdin.

python3 serve.py SCRIPT THREADS ARGS...

SCRIPT defines step(), and save(path) where its result is compared. To "step" the answer is "seconds peak before": of the step,
and bytes of resident memory, its peak in the step and what it was before the first.
"""
import os
import sys
import time
import types


def resident(key):
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def reset_peak():
    try:
        with open('/proc/self/clear_refs', 'w') as marks:
            marks.write('5')
    except OSError:
        pass


def main():
    script, threads = sys.argv[1], int(sys.argv[2])
    sys.argv = [script, *sys.argv[3:]]
    answers, sys.stdout = sys.stdout, sys.stderr  # what others' code prints is no answer
    peer = sys.modules['peer'] = types.ModuleType('peer')  # so that pools of processes find its functions
    own = peer.__dict__
    with open(script) as source:
        exec(compile(source.read(), script, 'exec'), own)
    if 'torch' in sys.modules:
        sys.modules['torch'].set_num_threads(threads)
    before = resident('VmRSS')
    print('ready', file=answers, flush=True)
    for line in sys.stdin:
        if line.startswith('save '):
            own['save'](line[5:].rstrip('\n'))
            print('saved', file=answers, flush=True)
            continue
        reset_peak()
        begin = time.perf_counter()
        own['step']()
        seconds = time.perf_counter() - begin
        print(seconds, resident('VmHWM'), before, file=answers, flush=True)
    os._exit(0)  # pools of processes need no farewell


main()
