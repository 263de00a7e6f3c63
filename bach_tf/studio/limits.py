"""How much the studio takes: of one request, of all of them, and of the machine."""

BODY = 8 * 2**20  # bytes of a request: more than a symphony in MusicXML
HELD = 64 * 2**20  # bytes of all requests that are waiting or worked on
DRAINED = 64 * 2**20  # bytes that are read and dropped, so that who sends them hears the answer
BODY_SECONDS = 30.0  # for a request to arrive
NAME = 200  # characters of a file's name

WAITING_JOBS = 16  # for the model
WAITING_TASKS = 128  # for the others, each of which takes a fraction of a second
LIGHT_WORKERS = 2  # so that a slow file keeps nobody from seeing notes

TASK_SECONDS = {"sound": 60.0, "export": 60.0}
OTHER_SECONDS = 20.0  # of any other task
JOB_SECONDS = 900.0  # the longest that may be asked for takes minutes
LOADING_SECONDS = 900.0  # for a worker to be ready, on the busiest machine
# Between asking a worker to stop and ending it: while it compiles a loop it cannot stop, and to
# load the model again takes longer.
GRACE_SECONDS = 20.0

WORKER_BYTES = 3 * 2**30  # of address space; the libraries take a quarter of it
FILE_BYTES = 256 * 2**20  # of a file in the temporary folder
