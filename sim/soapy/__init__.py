"""A SoapySDR device that hears what it is given, so that the true driver path is tested without a radio.

The driver is a module of SoapySDR in C++ (`make kernels` builds module/libtramthu_sim.so); every program that
speaks SoapySDR finds it once SOAPY_SDR_PLUGIN_PATH names the folder of `plugin_folder()`:

    SOAPY_SDR_PLUGIN_PATH=… rtl_433 -d driver=tramthu_sim,file=pass.cu8,format=CU8,loop=1

What may follow `driver=tramthu_sim`, all checked, an unknown word refused:

    serial=sim0         which of the devices that are there
    devices=1           how many are there: sim0, sim1 …; or by name serials=a:b
    hardware=           what it says it is
    file=               raw samples; behind the end zeros, or with loop=1 again from the beginning
    bias_file=          heard in place of it while the bias tee is on; bias_key=biastee is its word
    socket=             a unix socket where `feed` sends a simulated pass
                        with none of these a sample is its own number (CS16: one u32, little-endian)
    format=CS16         of the file, and the device's own: CS16, CU8, CS8, CF32
    rate=               the only rate it has, Hz; without it takes any
    corrections=1       whether it corrects ppm, DC and I/Q
    pace=1              1: real time; 0: as fast as it is read
    stamps=1            whether samples carry the hardware's time
    mtu=16384           samples of a transfer: they come together, and no read gives more
    fifo=               samples that wait for the reader, at least an mtu; without it a second of them.
                        When they are more, all but the newest half is lost. (Of a socket at most 2**26)
    epoch=              POSIX time of sample 0, so that after a `close` or in another process the same time
                        has the same sample; without it sample 0 is on air at the first activation

    losses=FILE         lines "first count": these samples are lost
    overflow_code=1     whether a loss is told by OVERFLOW
    overflow_stops=0    1: after a loss nothing comes until the stream is activated anew, as of some drivers
    stalls=FILE         lines "first count": what comes from `first` is held up for the time of `count`
                        samples, and then comes at once
    timeouts=N          each N-th read waits its time and gives TIMEOUT
    short_reads=N       each N-th read gives fewer samples than it could
    jitter_ms=          a transfer comes later by up to so much
    crystal_ppm=        the true rate is higher by so much than the one told
    rate_error=         Hz by which the rate that it tells is off; nan and inf are allowed
    frequency_error=    Hz by which it tunes too high, and says so
    silent_at=N         from sample N on nothing comes
    die_at=N            at sample N the stream ends with STREAM_ERROR
    control=FILE        its first word: plugged, unplugged (nothing is found, nothing opens, streams end
                        with STREAM_ERROR, also after it is plugged in again), busy (is found, does not open)
                        or hung (nothing comes)
    log=FILE            what was set, activated and really lost: a JSON object a line, see event_log.h
"""

from __future__ import annotations

from sim.soapy.device import (
    DRIVER,
    device_args,
    device_string,
    environment,
    events,
    lost,
    plugin_folder,
    settings_of,
)

__all__ = [
    "DRIVER",
    "device_args",
    "device_string",
    "environment",
    "events",
    "lost",
    "plugin_folder",
    "settings_of",
]
