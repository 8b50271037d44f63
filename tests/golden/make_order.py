"""The golden sample order of DataLoaderTests: Philox4x32-10 and the shuffle, written again in plain Python."""
M=0xffffffff
def block(seed,stream,c):
    x,y,z,w=c&M,c>>32,stream&M,stream>>32; k0,k1=seed&M,seed>>32
    for _ in range(10):
        p0=0xD2511F53*x;p1=0xCD9E8D57*z
        x,y,z,w=(p1>>32)^y^k0,p1&M,(p0>>32)^w^k1,p0&M
        k0=(k0+0x9E3779B9)&M;k1=(k1+0xBB67AE85)&M
    return x,y,z,w
def words(seed,stream):
    c=0
    while 1:
        yield from block(seed,stream,c); c+=1
def order(n,seed,stream):
    w=words(seed,stream); o=list(range(n))
    for i in range(n-1,0,-1):
        p=next(w)*(i+1)   # the rejection of Lemire's method does not occur for so small bounds here
        while (p&M)<((1<<32)-(i+1))%(i+1): p=next(w)*(i+1)
        j=p>>32; o[i],o[j]=o[j],o[i]
    return o
print("seed 1, epoch 0, 10 samples:", order(10, 1, 0x41 << 56))
