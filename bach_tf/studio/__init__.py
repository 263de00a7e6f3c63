"""The studio: a page in the browser where one hears, sees and steers, and its HTTP API.

`serving` binds the address and runs the server, which is light and always answers: `app` has its
routes, `guard` decides whom it answers, `bodies` reads what arrives within limits. The work is
done by other processes (`worker`), to which the server speaks over pipes (`frames`, `processes`);
`desk` hands out the jobs in order. What a job does is in `tasks`, the page is in `static`.
"""
